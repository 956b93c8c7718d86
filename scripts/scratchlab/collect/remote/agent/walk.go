package main

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"syscall"
)

// walk reads a tree exactly as scratchlab.collect.live.walk does on the host, where it is explained
// why this is safe: by descriptors only, every name opened once with O_PATH and O_NOFOLLOW, only
// regular files opened for reading, kernel filesystems not entered, nothing skipped silently.
type walk struct {
	opts        options
	mounts      map[uint64]string
	devices     map[uint64]string
	out         *writer
	reader      reader
	directories directories
	root        uint64
	hashed      map[uint64]uint64
	linked      map[version]bool
	user        *userData // nil: nothing is walked yet
}

// version is one content of a file with several names.
type version struct {
	file         identity
	size         uint64
	mtime, ctime int64
}

// newWalk reads which mounts the process has. It is an error if its root is not to be read.
func newWalk(opts options, held *process, out *writer) (*walk, error) {
	mounts, devices, err := held.filesystems()
	if err != nil {
		return nil, err
	}
	root, err := mountOf(held.root)
	if err != nil {
		return nil, about("the root", err)
	}
	w := &walk{
		opts: opts, mounts: mounts, devices: devices, out: out, root: root,
		reader: reader{make([]byte, bufferSize), out.tick},
		hashed: map[uint64]uint64{}, linked: map[version]bool{},
	}
	return w, w.checkRoot(mounts[root])
}

// checkRoot is an error if the root could keep the reader waiting, or is the kernel's. That a
// stacked root is the engine's is not proved: only the engine's machine shows it.
func (w *walk) checkRoot(fstype string) error {
	if by := w.answers(fstype); by != "" {
		return errors.New("the container's root is not read: " + by + " answers for " + fstype +
			", and it may never answer")
	}
	if w.opts.kernel[fstype] {
		return errors.New("the container's root is on a " + fstype + ", which the kernel generates")
	}
	return nil
}

func (w *walk) read(root int) error {
	// "." stays on the root's mount, whatever was mounted over it since.
	fd, err := open(root, ".", oPath|syscall.O_NOFOLLOW|syscall.O_DIRECTORY)
	if err != nil {
		return about("the root", err)
	}
	st, err := statusOf(fd, false)
	if err != nil {
		return about("the root", err)
	}
	if err := w.enter("", fd, st); err != nil {
		return err
	}
	for len(w.directories) > 0 {
		if err := w.step(w.directories.last()); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) step(in *directory) error {
	if depth, err := w.directories.reach(); err != nil {
		return err
	} else if depth < len(w.directories) {
		for len(w.directories) > depth {
			w.leave(moved)
		}
		return nil
	}
	if !in.listed {
		in.listed = true
		return w.list(in)
	}
	if last := len(in.pending) - 1; last >= 0 {
		name := in.pending[last]
		in.pending = in.pending[:last]
		if mount := in.st.mount; w.user.bounded(mount) && !w.user.mayRead(mount, w.path(), name) {
			return nil
		}
		return w.visit(in, name, true)
	}
	now, err := w.status(in.fd)
	if err != nil {
		return err
	}
	note := ""
	if now.mtime != in.st.mtime || now.ctime != in.st.ctime {
		note = changed
	} else if listed, err := in.lists(); err != nil {
		return err
	} else if !listed {
		note = changed
	}
	w.leave(note)
	return w.out.tick()
}

func (w *walk) leave(note string) {
	if own := w.directories.last().note; own != "" {
		note = own
	}
	w.out.record('U', []byte(note))
	w.directories.pop()
}

func (w *walk) enter(name string, fd int, st status) error {
	found, note, err := readXattrs(fd)
	if err != nil {
		return err
	}
	w.entry('D', name, st, found, nil, "", note, false)
	w.directories.push(&directory{name: name, fd: fd, st: st})
	return nil
}

func (w *walk) list(in *directory) error {
	bounded := w.user.bounded(in.st.mount)
	defer func() {
		if bounded {
			in.pending = w.user.first(in.st.mount, w.path(), in.pending)
		}
	}()
	// Directories wait until the listing is closed, and of the user's data all names do. The type
	// is the listing's, to save a call; the descriptor is checked again.
	var stopped error
	err := in.names(func(name string, isDirectory bool) bool {
		if isDirectory || bounded {
			in.pending = append(in.pending, name)
		} else {
			stopped = w.visit(in, name, false)
		}
		return stopped == nil && !(bounded && len(in.pending) > w.user.mostNames)
	})
	if err != nil {
		in.note = "unreadable: " + errorName(err)
		return fatal(err)
	}
	return stopped
}

// visit sends the entry of name. A directory is entered only with enter, otherwise it waits.
func (w *walk) visit(in *directory, name string, enter bool) error {
	fd, err := open(in.fd, name, oPath|syscall.O_NOFOLLOW)
	if err == syscall.ENOENT {
		if in.absent == nil {
			in.absent = map[string]bool{}
		}
		in.absent[name] = true
		return nil
	}
	if err != nil {
		in.note = "names in it unreadable: " + errorName(err)
		return fatal(err)
	}
	st, err := w.status(fd)
	if err != nil {
		syscall.Close(fd)
		in.note = "names in it unreadable: " + errorName(err)
		return fatal(err)
	}
	closed, why := w.closed(st)
	if _, known := w.mounts[st.mount]; !known && w.user.holds[in.st.mount] {
		st.mount = in.st.mount // it came to the user's data meanwhile: it is the user's, too
	}
	if st.kind() != syscall.S_IFDIR || enter {
		w.count(st, name)
	}
	if st.kind() == syscall.S_IFDIR && !closed && enter {
		return w.enter(name, fd, st)
	}
	defer syscall.Close(fd)
	switch {
	case st.kind() != syscall.S_IFDIR:
		err = w.leaf(in, name, fd, st, closed, why)
	case enter:
		w.entry('E', name, st, nil, nil, "", why, false)
	default:
		in.pending = append(in.pending, name)
	}
	if err != nil {
		return err
	}
	return w.out.tick()
}

// path is that of the deepest directory.
func (w *walk) path() string {
	names := make([]string, 0, len(w.directories))
	for _, directory := range w.directories[1:] {
		names = append(names, directory.name)
	}
	return "/" + strings.Join(names, "/")
}

func (w *walk) below(name string) string {
	if above := w.path(); above != "/" {
		return above + "/" + name
	}
	return "/" + name
}

func (w *walk) count(st status, name string) {
	if w.user.bounded(st.mount) {
		w.user.count(st.mount, w.below(name))
	}
}

// status is statusOf, without asking a filesystem that a process answers for or that is unknown.
func (w *walk) status(fd int) (status, error) {
	mount, err := mountOf(fd)
	if err != nil {
		return status{}, err
	}
	fstype, known := w.mounts[mount]
	return statusOf(fd, mount != w.root && (!known || w.whyClosed(mount, fstype) != ""))
}

// closed is whether the filesystem is not entered, with the note if something is missing then.
func (w *walk) closed(st status) (bool, string) {
	if st.mount == w.root {
		return false, ""
	}
	fstype, known := w.mounts[st.mount]
	switch {
	case !known:
		return true, "not read: on a mount that mountinfo did not list"
	case w.whyClosed(st.mount, fstype) != "":
		return true, "not read: " + w.whyClosed(st.mount, fstype)
	}
	return w.opts.kernel[fstype], ""
}

// whyClosed is the reason not to enter a mount below the root: it could keep the reader waiting.
// Of stacked filesystems only the root's own is entered.
func (w *walk) whyClosed(mount uint64, fstype string) string {
	if by := w.answers(fstype); by != "" {
		return by + " answers for " + fstype
	}
	if w.opts.stacked[fstype] && w.devices[mount] != w.devices[w.root] {
		return "whether the engine made this " + fstype + " is not known from here"
	}
	return ""
}

// mayRead is whether files on the mount are opened.
func (w *walk) mayRead(st status) bool {
	closed, _ := w.closed(st)
	return !closed && !w.opts.unhashed[w.mounts[st.mount]]
}

// answers is who answers for a filesystem, if it is not the kernel alone.
func (w *walk) answers(fstype string) string {
	switch {
	case fstype == "fuse", fstype == "fuseblk", strings.HasPrefix(fstype, "fuse."),
		strings.HasPrefix(fstype, "fuseblk."):
		return "a process"
	case w.opts.network[fstype]:
		return "a server"
	}
	return ""
}

func (w *walk) leaf(in *directory, name string, fd int, st status, closed bool, why string) error {
	if closed {
		if why == "" {
			why = "not read: " + w.mounts[st.mount]
		}
		w.entry('E', name, st, nil, nil, "", why, false)
		return nil
	}
	found, note, err := readXattrs(fd)
	if err != nil {
		return err
	}
	if st.kind() == syscall.S_IFREG {
		return w.file(name, fd, st, found, note)
	}
	target := ""
	if st.kind() == syscall.S_IFLNK {
		if target, err = readlinkat(fd, ""); err != nil {
			in.note = "names in it unreadable: " + errorName(err)
			return fatal(err)
		}
	}
	w.entry('E', name, st, found, nil, target, note, st.links != 1)
	return nil
}

func (w *walk) file(name string, fd int, st status, found []xattr, note string) error {
	if why := w.unhashed(st); why != "" {
		w.entry('E', name, st, found, nil, "", why, false)
		return nil
	}
	several := st.links != 1
	if w.user.bounded(st.mount) && !w.user.compared(st.mount, w.below(name), st.size) {
		w.entry('E', name, st, found, nil, "", note, several)
		return nil
	}
	if several {
		// The content read under one name is also that of another name of the same version.
		this := version{st.identity(), st.size, st.mtime, st.ctime}
		if w.linked[this] {
			w.entry('E', name, st, found, nil, "", note, true)
			return nil
		}
		w.linked[this] = true
	}
	w.hashed[st.mount] += st.size
	digest, why, err := w.reader.hash(fd, st)
	if err != nil {
		return err
	}
	if why != "" {
		note = why
	}
	w.entry('E', name, st, found, digest, "", note, several)
	return nil
}

func (w *walk) unhashed(st status) string {
	fstype, limits := w.mounts[st.mount], w.opts.limits
	most := limits.mount
	if st.mount == w.root {
		most = limits.root
	}
	switch {
	case w.opts.unhashed[fstype]:
		return "not hashed: " + fstype
	case st.size > limits.file:
		return "not hashed: larger than " + strconv.FormatUint(limits.file, 10) + " bytes"
	case w.hashed[st.mount]+st.size > most:
		return "not hashed: the files before it reached " + strconv.FormatUint(most, 10) + " bytes"
	}
	return ""
}

// entry sends one entry: its status, whether it is one of several names of one file, and the name,
// the note, the digest, the target and the attributes, each with its length before it.
func (w *walk) entry(letter byte, name string, st status, attributes []xattr, digest []byte,
	target, note string, several bool) {
	flag := byte(0)
	if several {
		flag = 1
	}
	body := append(st.pack(), flag)
	for _, field := range [][]byte{[]byte(name), []byte(note), digest, []byte(target)} {
		body = append(body, length(field)...)
		body = append(body, field...)
	}
	for _, attribute := range attributes {
		for _, field := range [][]byte{[]byte(attribute.name), attribute.value} {
			body = append(body, length(field)...)
			body = append(body, field...)
		}
	}
	w.out.record(letter, body)
}

func length(field []byte) []byte {
	size := make([]byte, 4)
	binary.LittleEndian.PutUint32(size, uint32(len(field)))
	return size
}
