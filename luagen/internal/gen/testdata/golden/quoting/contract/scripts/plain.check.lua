--
-- Plain: "double", 'single', \back\slash, ünïcode and 漢字 need no quoting.
local text = "\n\065"
return {1, ARGV[2], #text, ARGV[1], 0}