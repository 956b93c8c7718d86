package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

const (
	oPath      = 0x200000 // include/uapi/asm-generic/fcntl.h
	atCwd      = -0x64
	statxFlags = 0x1000 | 0x800 | 0x4000 // AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC
	basicStats = 0x7ff
	maskMount  = 0x1000 // STATX_MNT_ID, Linux 5.8
	second     = 1_000_000_000
)

// The number of statx(2), which Go's syscall package lacks (arch/*/syscalls of Linux).
var sysStatx = map[string]uintptr{
	"386": 383, "amd64": 332, "arm": 397, "arm64": 291, "loong64": 291, "ppc64": 383,
	"ppc64le": 383, "riscv64": 291, "s390x": 379,
}[runtime.GOARCH]

// struct statx, include/uapi/linux/stat.h.
type statx struct {
	mask, blksize                     uint32
	attributes                        uint64
	nlink, uid, gid                   uint32
	mode, _                           uint16
	ino, size, blocks, attributesMask uint64
	atime, btime, ctime, mtime        struct {
		sec  int64
		nsec uint32
		_    int32
	}
	rdevMajor, rdevMinor, devMajor, devMinor uint32
	mount                                    uint64
	_                                        [13]uint64
}

// status is what stat(2) returns for an object, and the mount that it was reached through.
type status struct {
	mode, uid, gid, size, links, inode     uint64
	devMajor, devMinor, rdevMajor, rdevMin uint64
	mtime, ctime                           int64
	mount                                  uint64
}

type identity struct{ mount, major, minor, inode uint64 }

func (s status) identity() identity { return identity{s.mount, s.devMajor, s.devMinor, s.inode} }

func (s status) kind() uint64 { return s.mode & syscall.S_IFMT }

// pack is the form in which a status is sent: 13 numbers of 8 bytes, little-endian.
func (s status) pack() []byte {
	out := make([]byte, 0, 13*8)
	for _, value := range []uint64{
		s.mode, s.uid, s.gid, s.size, s.links, s.inode, s.devMajor, s.devMinor, s.rdevMajor,
		s.rdevMin, uint64(s.mtime), uint64(s.ctime), s.mount,
	} {
		out = append(out, 0, 0, 0, 0, 0, 0, 0, 0)
		binary.LittleEndian.PutUint64(out[len(out)-8:], value)
	}
	return out
}

// mountOf is the id of the mount that fd was reached through. No filesystem is asked: the process
// behind a FUSE mount may be one of the container.
func mountOf(fd int) (uint64, error) {
	var raw statx
	if callStatx(fd, 0, &raw) == nil && raw.mask&maskMount != 0 {
		return raw.mount, nil
	}
	text, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(fd))
	if err != nil {
		return 0, err
	}
	for _, line := range bytes.Split(text, []byte("\n")) {
		if rest := bytes.TrimPrefix(line, []byte("mnt_id:")); len(rest) < len(line) {
			return number(string(bytes.TrimSpace(rest))), nil
		}
	}
	return 0, syscall.ENOSYS
}

// statusOf is the status of the object behind fd (O_PATH suffices). With cached, the filesystem is
// not asked: the fields are those that the kernel has cached.
func statusOf(fd int, cached bool) (status, error) {
	mount, err := mountOf(fd)
	if err != nil {
		return status{}, err
	}
	var raw statx
	mask := uintptr(basicStats)
	if cached {
		mask = 0
	}
	if err := callStatx(fd, mask, &raw); err != nil {
		return statusByFstat(fd, mount)
	}
	return status{
		mode: uint64(raw.mode), uid: uint64(raw.uid), gid: uint64(raw.gid), size: raw.size,
		links: uint64(raw.nlink), inode: raw.ino,
		devMajor: uint64(raw.devMajor), devMinor: uint64(raw.devMinor),
		rdevMajor: uint64(raw.rdevMajor), rdevMin: uint64(raw.rdevMinor),
		mtime: raw.mtime.sec*second + int64(raw.mtime.nsec),
		ctime: raw.ctime.sec*second + int64(raw.ctime.nsec),
		mount: mount,
	}, nil
}

func callStatx(fd int, mask uintptr, raw *statx) error {
	if sysStatx == 0 {
		return syscall.ENOSYS
	}
	empty := []byte{0}
	_, _, code := syscall.Syscall6(sysStatx, uintptr(fd), uintptr(unsafe.Pointer(&empty[0])),
		statxFlags, mask, uintptr(unsafe.Pointer(raw)), 0)
	if code != 0 {
		return code
	}
	return nil
}

// statusByFstat is for kernels without statx(2) and seccomp filters that forbid it.
func statusByFstat(fd int, mount uint64) (status, error) {
	var raw syscall.Stat_t
	if err := syscall.Fstat(fd, &raw); err != nil {
		return status{}, err
	}
	dev, rdev := uint64(raw.Dev), uint64(raw.Rdev)
	return status{
		mode: uint64(raw.Mode), uid: uint64(raw.Uid), gid: uint64(raw.Gid), size: uint64(raw.Size),
		links: uint64(raw.Nlink), inode: raw.Ino,
		devMajor: major(dev), devMinor: minor(dev), rdevMajor: major(rdev), rdevMin: minor(rdev),
		mtime: raw.Mtim.Nano(), ctime: raw.Ctim.Nano(), mount: mount,
	}, nil
}

// The kernel's own packing, as glibc's gnu_dev_major(3) undoes it.
func major(dev uint64) uint64 { return dev>>8&0xfff | dev>>32&0xfffff000 }
func minor(dev uint64) uint64 { return dev&0xff | dev>>12&0xffffff00 }

// open is openat(2), repeated when a signal of Go's own scheduler interrupts it.
func open(directory int, name string, flags int) (int, error) {
	for {
		fd, err := syscall.Openat(directory, name, flags|syscall.O_CLOEXEC, 0)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}

// readlinkat reads the symlink name in directory; with "", the one behind the descriptor itself.
func readlinkat(directory int, name string) (string, error) {
	path, err := syscall.BytePtrFromString(name)
	if err != nil {
		return "", err
	}
	buffer := make([]byte, 4097) // PATH_MAX, include/uapi/linux/limits.h
	n, _, code := syscall.Syscall6(syscall.SYS_READLINKAT, uintptr(directory),
		uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)), 0, 0)
	if code != 0 {
		return "", code
	}
	return string(buffer[:n]), nil
}

func read(fd int, buffer []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, buffer)
		if err != syscall.EINTR {
			return n, err
		}
	}
}

// readAll reads fd from its position to the end.
func readAll(fd int) ([]byte, error) {
	var data []byte
	buffer := make([]byte, 1<<16)
	for {
		n, err := read(fd, buffer)
		if err != nil || n <= 0 {
			return data, err
		}
		data = append(data, buffer[:n]...)
	}
}

// about is err with what it concerns.
func about(what string, err error) error { return errors.New(what + ": " + err.Error()) }

// Names of the errors that reading a filesystem returns (errno(3)).
var errorNames = map[syscall.Errno]string{
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

// errorName is the name of an error for a note: EACCES.
func errorName(err error) string {
	number, ok := err.(syscall.Errno)
	if !ok {
		return "?"
	}
	if name, ok := errorNames[number]; ok {
		return name
	}
	return strconv.Itoa(int(number))
}

// fatal is an error if the agent itself lacks resources: a note must not blame the container.
func fatal(err error) error {
	switch err {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM:
		return errors.New("out of resources: " + err.Error())
	}
	return nil
}
