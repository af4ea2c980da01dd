package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"unsafe"
)

// disk is a file with an ext4 in it, mounted through a loop device: one whose power can be cut.
type disk struct {
	image, at string
	mounted   bool
}

func command(name string, arguments ...string) error {
	output, err := exec.Command(name, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(arguments, " "), err, strings.TrimSpace(string(output)))
	}
	return nil
}

func newDisk(image, at string, bytes int64) (*disk, error) {
	file, err := os.Create(image)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := file.Truncate(bytes); err != nil {
		return nil, err
	}
	if err := command("mkfs.ext4", "-q", "-F", image); err != nil {
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
