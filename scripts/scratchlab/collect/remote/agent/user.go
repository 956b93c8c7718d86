package main

import (
	"encoding/binary"
	"errors"
	"io"
	"path"
	"sort"
	"strconv"
	"strings"
)

// userData is how far the walk is on the user's mounts, of which only the first names are read; see
// scratchlab.collect.live.user_data, which does the same on the host.
type userData struct {
	mostNames int               // in one directory
	holds     map[uint64]bool   // the user's mounts, however much is read of them
	head      map[uint64]uint64 // mount -> the user's mount that it came with
	left      map[uint64]int    // by the user's mount: entries to list
	target    map[uint64]string
	volume    map[uint64]bool
	listed    map[uint64]int
	cut       map[uint64]bool
	ways      map[string]map[string]bool // directory -> names on the way to other mounts
	files     map[string]uint64          // of the image on volumes: their sizes
}

const mostPlan = 1 << 30 // bytes

// readPlan reads what the caller sends to start the walk: its length (4 bytes, little-endian), then
// fields, each with a NUL behind it, and lists of them with their length before them.
func readPlan(input io.Reader) (*userData, error) {
	var size uint32
	if err := binary.Read(input, binary.LittleEndian, &size); err != nil {
		return nil, err
	}
	if size > mostPlan {
		return nil, errors.New("the plan is too long")
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(input, body); err != nil {
		return nil, err
	}
	in := fields(strings.Split(string(body), "\x00"))
	u := &userData{
		holds: map[uint64]bool{}, head: map[uint64]uint64{}, left: map[uint64]int{}, target: map[uint64]string{},
		volume: map[uint64]bool{}, listed: map[uint64]int{}, cut: map[uint64]bool{},
		ways: map[string]map[string]bool{}, files: map[string]uint64{},
	}
	most := in.number()
	u.mostNames = in.number()
	for range in.count() {
		mount := uint64(in.number())
		u.left[mount], u.target[mount] = most, in.next()
		u.volume[mount] = in.next() == "1"
		for range in.count() {
			u.head[uint64(in.number())] = mount
		}
	}
	for member := range u.head {
		u.holds[member] = true
	}
	if in.next() == "hash" {
		u.head = map[uint64]uint64{}
	}
	for range in.count() {
		u.addWay(in.next())
	}
	for range in.count() {
		name := in.next()
		u.files[name] = number(in.next())
	}
	return u, nil
}

type fields []string

func (f *fields) next() string {
	if len(*f) == 0 {
		return ""
	}
	first := (*f)[0]
	*f = (*f)[1:]
	return first
}

func (f *fields) number() int { return int(number(f.next())) }

// count is a slice as long as the list that follows: Go 1.19 cannot range over a number.
func (f *fields) count() []struct{} { return make([]struct{}, f.number()) }

func (u *userData) addWay(target string) {
	for target != "/" {
		above, name := path.Split(target)
		above = path.Clean(above)
		if u.ways[above][name] {
			return
		}
		if u.ways[above] == nil {
			u.ways[above] = map[string]bool{}
		}
		u.ways[above][name] = true
		target = above
	}
}

func (u *userData) bounded(mount uint64) bool {
	_, known := u.head[mount]
	return known
}

// first are those of the names in a directory that are read, the last one first.
func (u *userData) first(mount uint64, directory string, names []string) []string {
	head := u.head[mount]
	if left := u.left[head]; len(names) > left {
		u.cut[head] = true
		if len(names) > u.mostNames { // which come first is not known
			left = 0
		}
		sort.Strings(names)
		names = names[:left]
	}
	chosen := map[string]bool{}
	for _, name := range names {
		chosen[name] = true
	}
	for name := range u.ways[directory] {
		if !chosen[name] {
			names = append(names, name)
		}
	}
	sort.Sort(sort.Reverse(sort.StringSlice(names)))
	return names
}

func (u *userData) mayRead(mount uint64, directory, name string) bool {
	head := u.head[mount]
	if u.left[head] > 0 || u.ways[directory][name] {
		return true
	}
	u.cut[head] = true
	return false
}

func (u *userData) count(mount uint64, name string) {
	if head, known := u.head[mount]; known && name != u.target[head] {
		u.listed[head]++
		if u.left[head] > 0 {
			u.left[head]--
		}
	}
}

// compared is whether the content of a file is read: the image has one of its size there.
func (u *userData) compared(mount uint64, name string, size uint64) bool {
	known, has := u.files[name]
	return u.volume[mount] && has && known == size
}

// send tells how much was read of each of the user's mounts.
func (u *userData) send(out *writer) {
	for head := range u.left {
		complete := "1"
		if u.cut[head] {
			complete = "0"
		}
		words := []string{strconv.FormatUint(head, 10), strconv.Itoa(u.listed[head]), complete}
		out.fact("user data", []byte(strings.Join(words, " ")))
	}
}
