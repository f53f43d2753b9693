package cluster

import "strings"

// Slots is how many there are in any cluster.
const Slots = 16384

// Slot returns the slot of a key, which counts in full, prefix included: the CRC-16 of
// what stands between the first { and the next } if that is not empty, and else of the
// whole key.
func Slot(key string) int {
	if _, after, found := strings.Cut(key, "{"); found {
		if tag, _, closed := strings.Cut(after, "}"); closed && tag != "" {
			key = tag
		}
	}
	crc := uint16(0)
	for i := range len(key) {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^key[i]]
	}
	return int(crc) % Slots
}

// crcTable is of the CRC-16 that starts at 0 and whose polynomial is 0x1021, also known
// as XMODEM.
var crcTable = func() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			carry := crc&0x8000 != 0
			crc <<= 1
			if carry {
				crc ^= 0x1021
			}
		}
		table[i] = crc
	}
	return table
}()
