-- Crlf: lines that end in CR LF.
local one = 1
return {one, ARGV[2], 0, ARGV[1], 0}
