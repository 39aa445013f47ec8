package archive

import (
	"bufio"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// maxWindow is the largest dictionary of a compressed stream, in bytes, for which memory is taken.
// xz -9 uses 64 MiB, zstd --ultra -22 128 MiB.
const maxWindow = 128 << 20

func openGzip(in *bufio.Reader) (io.Reader, func(), error) {
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, nil, err
	}
	return z, func() { z.Close() }, nil
}

func openZstd(in *bufio.Reader) (io.Reader, func(), error) {
	z, err := zstd.NewReader(in, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, nil, err
	}
	return z, z.Close, nil
}

func openXZ(in *bufio.Reader) (io.Reader, func(), error) {
	if size, ok := dictionary(in); ok && size > maxWindow {
		return nil, nil, fmt.Errorf("its xz dictionary has %d bytes, more than %d", size, int64(maxWindow))
	}
	z, err := xz.NewReader(in)
	if err != nil {
		return nil, nil, err
	}
	return z, func() {}, nil
}

// dictionary returns the size in bytes of the dictionary that the first block of an xz stream asks
// for (The .xz File Format, 3.1 and 5.3.1).
func dictionary(in *bufio.Reader) (int64, bool) {
	const streamHeader = 12
	b, err := in.Peek(streamHeader + 1024)
	if err != nil && err != io.EOF || len(b) < streamHeader+8 {
		return 0, false
	}
	block := b[streamHeader:]
	flags, at := block[1], 2
	for _, bit := range []byte{0x40, 0x80} { // compressed size, uncompressed size
		if flags&bit != 0 {
			for at < len(block) && block[at]&0x80 != 0 {
				at++
			}
			at++
		}
	}
	if flags&3 != 0 || at+3 > len(block) || block[at] != 0x21 || block[at+1] != 1 {
		return 0, false // several filters, or not LZMA2: the reader refuses them itself
	}
	bits := block[at+2] & 0x3f
	if bits > 40 {
		return 0, false
	}
	if bits == 40 {
		return 1<<32 - 1, true
	}
	return int64(2|bits&1) << (bits/2 + 11), true
}
