package main

import (
	"sort"
	"strconv"
	"strings"
	"syscall"
)

const mostXattrBytes = 256 * 1024 // as scratchlab.collect.live.xattrs has it

type xattr struct {
	name  string
	value []byte
}

// readXattrs gives the attributes of the object behind fd, and a note if some could not be read.
// Following /proc/self/fd/N lands on the object itself and on nothing else: no device is opened
// and no link followed.
func readXattrs(fd int) ([]xattr, string, error) {
	where := "/proc/self/fd/" + strconv.Itoa(fd)
	names, err := sized(func(buffer []byte) (int, error) { return syscall.Listxattr(where, buffer) })
	if err == syscall.ENOTSUP || err == syscall.ENOSYS {
		return nil, "", nil
	}
	if err != nil {
		return nil, "extended attributes unreadable: " + code(err), ours(err)
	}
	listed := strings.Split(strings.TrimSuffix(string(names), "\x00"), "\x00")
	if listed[0] == "" {
		return nil, "", nil
	}
	sort.Strings(listed)
	var found []xattr
	note, left := "", mostXattrBytes
	for _, name := range listed {
		value, err := sized(func(buffer []byte) (int, error) {
			return syscall.Getxattr(where, name, buffer)
		})
		if err == syscall.ENODATA || err == syscall.ERANGE {
			note = changed // removed since it was listed
			continue
		}
		if err != nil {
			note = "extended attributes unreadable: " + code(err)
			continue
		}
		if left -= len(name) + len(value); left < 0 {
			why := "extended attributes not read: more than " + strconv.Itoa(mostXattrBytes) + " bytes"
			return found, why, nil
		}
		found = append(found, xattr{name, value})
	}
	return found, note, nil
}

// sized asks with a small buffer first, and with the largest that Linux allows (64 KiB,
// XATTR_SIZE_MAX) if that was too small.
func sized(ask func([]byte) (int, error)) ([]byte, error) {
	buffer := make([]byte, 256)
	n, err := ask(buffer)
	if err == syscall.ERANGE {
		buffer = make([]byte, 1<<16)
		n, err = ask(buffer)
	}
	if err != nil {
		return nil, err
	}
	return buffer[:n], nil
}
