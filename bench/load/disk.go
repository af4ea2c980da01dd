package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// diskWrite is what the disk can do: a file written in order, 1 MiB at a time, each synced before the next.
func diskWrite(o options) (map[string]any, error) {
	path := filepath.Join(o.dir, "disk-write")
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer os.Remove(path)
	defer file.Close()
	block := payload(1 << 20)
	begun := time.Now()
	blocks := int64(0)
	for time.Since(begun) < time.Duration(o.seconds)*time.Second {
		if _, err := file.Write(block); err != nil {
			return nil, err
		}
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return nil, err
		}
		blocks++
	}
	return rate(blocks, len(block), begun), nil
}

// evict drops a topic's logs from the page cache, so that they must be read from the disk.
func evict(o options) (map[string]any, error) {
	const dontNeed = 4
	return eachLog(o, func(file *os.File) (int64, error) {
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return 0, err
		}
		if _, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, file.Fd(), 0, 0, dontNeed, 0, 0); errno != 0 {
			return 0, errno
		}
		return 0, nil
	})
}

// diskRead reads a topic's logs as files, one after the other.
func diskRead(o options) (map[string]any, error) {
	block := make([]byte, 1<<20)
	return eachLog(o, func(file *os.File) (int64, error) {
		return io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{file}, block)
	})
}

func eachLog(o options, do func(*os.File) (int64, error)) (map[string]any, error) {
	begun := time.Now()
	var bytes int64
	paths, err := filepath.Glob(filepath.Join(o.dir, o.topic+"-*", "*.log"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("no logs of %s in %s", o.topic, o.dir)
	}
	for _, path := range paths {
		if strings.Contains(filepath.Base(filepath.Dir(path)), ".") {
			continue
		}
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		count, err := do(file)
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		bytes += count
	}
	return rate(bytes, 1, begun), nil
}
