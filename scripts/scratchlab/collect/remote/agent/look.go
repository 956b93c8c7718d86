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

// The number of statx(2), which Go's syscall package does not know (arch/*/syscalls of Linux).
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

// look is what stat(2) says of an object, and the mount that it was reached through.
type look struct {
	mode, uid, gid, size, links, inode     uint64
	devMajor, devMinor, rdevMajor, rdevMin uint64
	mtime, ctime                           int64
	mount                                  uint64
}

type identity struct{ mount, major, minor, inode uint64 }

func (l look) identity() identity { return identity{l.mount, l.devMajor, l.devMinor, l.inode} }

func (l look) kind() uint64 { return l.mode & syscall.S_IFMT }

// pack is the form in which a look is told: 13 numbers of 8 bytes, little-endian.
func (l look) pack() []byte {
	out := make([]byte, 0, 13*8)
	for _, value := range []uint64{
		l.mode, l.uid, l.gid, l.size, l.links, l.inode, l.devMajor, l.devMinor, l.rdevMajor,
		l.rdevMin, uint64(l.mtime), uint64(l.ctime), l.mount,
	} {
		out = append(out, 0, 0, 0, 0, 0, 0, 0, 0)
		binary.LittleEndian.PutUint64(out[len(out)-8:], value)
	}
	return out
}

// mountOf is the mount that fd was reached through; no filesystem is asked anything: the one that
// answers for FUSE may be a process of the container.
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

// lookAt looks at the object behind fd (O_PATH will do). cached: what the kernel knows by itself
// will do, the filesystem is not asked.
func lookAt(fd int, cached bool) (look, error) {
	mount, err := mountOf(fd)
	if err != nil {
		return look{}, err
	}
	var raw statx
	mask := uintptr(basicStats)
	if cached {
		mask = 0
	}
	if err := callStatx(fd, mask, &raw); err != nil {
		return lookByFstat(fd, mount)
	}
	return look{
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

// lookByFstat is for kernels that lack statx(2) and filters that forbid it.
func lookByFstat(fd int, mount uint64) (look, error) {
	var raw syscall.Stat_t
	if err := syscall.Fstat(fd, &raw); err != nil {
		return look{}, err
	}
	dev, rdev := uint64(raw.Dev), uint64(raw.Rdev)
	return look{
		mode: uint64(raw.Mode), uid: uint64(raw.Uid), gid: uint64(raw.Gid), size: uint64(raw.Size),
		links: uint64(raw.Nlink), inode: raw.Ino,
		devMajor: major(dev), devMinor: minor(dev), rdevMajor: major(rdev), rdevMin: minor(rdev),
		mtime: raw.Mtim.Nano(), ctime: raw.Ctim.Nano(), mount: mount,
	}, nil
}

// The kernel's own packing, as glibc's gnu_dev_major(3) undoes it.
func major(dev uint64) uint64 { return dev>>8&0xfff | dev>>32&0xfffff000 }
func minor(dev uint64) uint64 { return dev&0xff | dev>>12&0xffffff00 }

// open is openat(2) that is not disturbed by the signals of Go's own scheduler.
func open(directory int, name string, flags int) (int, error) {
	for {
		fd, err := syscall.Openat(directory, name, flags|syscall.O_CLOEXEC, 0)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}

// readlinkat reads the link name in directory; with "", the one that the descriptor itself is.
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

func all(fd int) ([]byte, error) {
	var found []byte
	buffer := make([]byte, 1<<16)
	for {
		n, err := read(fd, buffer)
		if err != nil || n <= 0 {
			return found, err
		}
		found = append(found, buffer[:n]...)
	}
}

func about(what string, err error) error { return errors.New(what + ": " + err.Error()) }
