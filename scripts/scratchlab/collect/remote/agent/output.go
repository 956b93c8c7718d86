package main

import (
	"bufio"
	"encoding/binary"
	"os"
	"time"
)

const pause = 2 * time.Second // the longest silence while something goes on

// writer tells records: one letter, the length of the body (4 bytes, little-endian), the body.
// Names are bytes, so nothing is parsed from separators.
type writer struct {
	out  *bufio.Writer
	last time.Time
	err  error
}

func newWriter(fd uintptr) *writer {
	return &writer{out: bufio.NewWriterSize(os.NewFile(fd, "output"), 1<<16), last: time.Now()}
}

// record tells one record; parts make up its body.
func (w *writer) record(letter byte, parts ...[]byte) {
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	head := []byte{letter, 0, 0, 0, 0}
	binary.LittleEndian.PutUint32(head[1:], uint32(size))
	w.write(head)
	for _, part := range parts {
		w.write(part)
	}
}

func (w *writer) write(data []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(data)
	}
}

// fact tells what is known by that name.
func (w *writer) fact(name string, value []byte) {
	w.record('F', []byte(name), []byte{0}, value)
}

// fail tells why nothing more comes.
func (w *writer) fail(why string) {
	w.record('X', []byte(why))
	w.flush()
}

func (w *writer) flush() error {
	if w.err == nil {
		w.err = w.out.Flush()
	}
	w.last = time.Now()
	return w.err
}

// tick keeps the one who listens from taking work for a standstill.
func (w *writer) tick() error {
	if time.Since(w.last) > pause {
		w.record('T')
		return w.flush()
	}
	return w.err
}
