package main

import (
	"errors"
	"strconv"
	"syscall"
)

// Names of Linux's errors that reading a filesystem gives (errno(3)).
var names = map[syscall.Errno]string{
	syscall.EPERM: "EPERM", syscall.ENOENT: "ENOENT", syscall.EIO: "EIO", syscall.ENXIO: "ENXIO",
	syscall.EAGAIN: "EAGAIN", syscall.EACCES: "EACCES", syscall.EBUSY: "EBUSY",
	syscall.ENODEV: "ENODEV", syscall.ENOTDIR: "ENOTDIR", syscall.EISDIR: "EISDIR",
	syscall.EINVAL: "EINVAL", syscall.ETXTBSY: "ETXTBSY", syscall.EFBIG: "EFBIG",
	syscall.ENAMETOOLONG: "ENAMETOOLONG", syscall.ELOOP: "ELOOP", syscall.ENODATA: "ENODATA",
	syscall.EOVERFLOW: "EOVERFLOW", syscall.ENOTSUP: "EOPNOTSUPP", syscall.ENOSYS: "ENOSYS",
	syscall.ENOTCONN: "ENOTCONN", syscall.ETIMEDOUT: "ETIMEDOUT", syscall.EHOSTDOWN: "EHOSTDOWN",
	syscall.EHOSTUNREACH: "EHOSTUNREACH", syscall.ESTALE: "ESTALE", syscall.EUCLEAN: "EUCLEAN",
	syscall.EREMOTEIO: "EREMOTEIO", syscall.EKEYEXPIRED: "EKEYEXPIRED", syscall.ENOKEY: "ENOKEY",
}

// code is the name of an error for a note: EACCES.
func code(err error) string {
	number, ok := err.(syscall.Errno)
	if !ok {
		return "?"
	}
	if name, ok := names[number]; ok {
		return name
	}
	return strconv.Itoa(int(number))
}

// ours is an error if the reader is at fault: want of our own is no property of what is read.
func ours(err error) error {
	switch err {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM:
		return errors.New("it ran out of what it needs to read on: " + err.Error())
	}
	return nil
}
