package server

import (
	"compress/gzip"
	"io"

	"connectrpc.com/connect"
)

// inflation is connect's own gzip, but that it ends where a message is too long. Connect
// would go on to the end to say by how much, which is seconds of work for a few megabytes
// that somebody made for it.
func inflation() connect.HandlerOption {
	return connect.WithCompression("gzip",
		func() connect.Decompressor { return new(inflater) },
		func() connect.Compressor { return gzip.NewWriter(io.Discard) })
}

type inflater struct {
	gzip.Reader
	left int
}

// Reset implements [connect.Decompressor].
func (i *inflater) Reset(from io.Reader) error {
	i.left = maxRequestBytes + 1 // one more than connect accepts, by which it sees that it is too long
	return i.Reader.Reset(from)
}

// Read implements [connect.Decompressor].
func (i *inflater) Read(to []byte) (int, error) {
	if i.left == 0 {
		return 0, io.EOF
	}
	n, err := i.Reader.Read(to[:min(len(to), i.left)])
	i.left -= n
	return n, err
}
