package main

import (
	"bufio"
	"encoding/binary"
	"os"
	"time"
)

const pause = 2 * time.Second // the longest silence while the agent works

// writer sends records: one letter, the length of the body (4 bytes, little-endian), the body.
// Names may contain any byte, so there are no separators.
//
//	F fact: its name, NUL, its value; some come several times
//	G the end of the facts before the walk, Z of those after it
//	D a directory that is entered, E any other entry (see walk.go), U the end of a directory: a note
//	P a part of an answer (see files.go), A its end, B that there is none
//	T no content: the agent still works
//	X why the agent failed
type writer struct {
	out  *bufio.Writer
	last time.Time
	err  error
}

func newWriter(fd uintptr) *writer {
	return &writer{out: bufio.NewWriterSize(os.NewFile(fd, "output"), 1<<16), last: time.Now()}
}

// record sends one record, whose body consists of parts.
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

// fact sends a named value.
func (w *writer) fact(name string, value []byte) {
	w.record('F', []byte(name), []byte{0}, value)
}

// fail sends the reason why no more records follow.
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

// tick sends a sign of life when nothing was sent for a while.
func (w *writer) tick() error {
	if time.Since(w.last) > pause {
		w.record('T')
		return w.flush()
	}
	return w.err
}
