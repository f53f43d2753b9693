-- Latin: this line is shown.
-- café: this one is no UTF-8 and is not.
return {1, ARGV[2], 0, ARGV[1], 0}