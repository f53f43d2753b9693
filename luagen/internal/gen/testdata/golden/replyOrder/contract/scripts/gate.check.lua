-- Gate: replies in an order of its own.
return {0, 1, 60000, ARGV[2], ARGV[1] + 60000, 0}