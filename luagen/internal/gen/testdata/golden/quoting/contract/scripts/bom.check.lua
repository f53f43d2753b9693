-- Bom: this line is shown.
-- ﻿this one begins with a byte order mark.
return {1, ARGV[2], 0, ARGV[1], 0}