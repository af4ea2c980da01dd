package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"
)

// disk is a file with an ext4 in it, mounted through a loop device: one whose power can be cut. Where the file is in a file system of
// its own in memory, it can be made to fail, too.
type disk struct {
	image, at string
	// Where that file system is mounted; empty if there is none.
	below   string
	mounted bool
	// How often ext4 had given up when the disk was mended.
	remounts int
}

func command(name string, arguments ...string) error {
	output, err := exec.Command(name, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(arguments, " "), err, strings.TrimSpace(string(output)))
	}
	return nil
}

func newDisk(image, at string, bytes int64, options ...string) (*disk, error) {
	file, err := os.Create(image)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := file.Truncate(bytes); err != nil {
		return nil, err
	}
	if err := command("mkfs.ext4", append(options, "-q", "-F", image)...); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(at, 0o755); err != nil {
		return nil, err
	}
	d := &disk{image: image, at: at}
	return d, d.mount()
}

func (d *disk) mount() error {
	if err := command("mount", "-o", "loop", d.image, d.at); err != nil {
		return fmt.Errorf("power cuts need root and loop devices: %w", err)
	}
	d.mounted = true
	return nil
}

func (d *disk) unmount() error {
	if !d.mounted {
		return nil
	}
	d.mounted = false
	return command("umount", d.at)
}

// newFailingDisk makes a disk that can be made to fail. The places of ext4's own tables are written once, so that what fails is what is
// written to files.
func newFailingDisk(below, at string, bytes int64) (*disk, error) {
	if err := os.MkdirAll(below, 0o755); err != nil {
		return nil, err
	}
	if err := command("mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", below); err != nil {
		return nil, err
	}
	os.Setenv("UNIX_IO_NOZEROOUT", "1")
	d, err := newDisk(below+"/image", at, bytes, "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0")
	if err != nil {
		return nil, errors.Join(err, command("umount", below))
	}
	d.below = below
	return d, nil
}

// fail lets every write to a place fail that was never written before, until the disk is mended. ext4 does not know before it writes its page cache.
func (d *disk) fail() error {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(d.below, &stat); err != nil {
		return err
	}
	used := (int64(stat.Blocks) - int64(stat.Bfree)) * stat.Bsize
	return command("mount", "-o", fmt.Sprintf("remount,size=%d", used), d.below)
}

// mend lets all writes succeed again. What has failed is gone; where ext4 has given up for it, it is mounted anew.
func (d *disk) mend() error {
	if err := command("mount", "-o", "remount,size=2g", d.below); err != nil {
		return err
	}
	probe := filepath.Join(d.at, "probe")
	if os.WriteFile(probe, nil, 0o644) == nil && os.Remove(probe) == nil {
		return nil
	}
	d.remounts++
	if err := d.unmount(); err != nil {
		return err
	}
	return d.mount()
}

// remove takes everything away.
func (d *disk) remove() {
	d.unmount()
	if d.below != "" {
		command("umount", d.below)
	}
}

// cut is the loss of power: from here on nothing is written any more, and what was not synced is gone.
func (d *disk) cut() error {
	root, err := os.Open(d.at)
	if err != nil {
		return err
	}
	defer root.Close()
	// EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: not even the journal's last transaction is written.
	const shutdown, noLogFlush = 0x8004587d, uint32(2)
	flags := noLogFlush
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, root.Fd(), shutdown, uintptr(unsafe.Pointer(&flags))); errno != 0 {
		return fmt.Errorf("shutting %s down: %w", d.at, errno)
	}
	return nil
}
