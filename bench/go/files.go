// Files on Go: see files.rs.
package main

import (
	"io"
	"os"
	"path/filepath"
)

const (
	pages = 16_384
	looks = 1_000_000
)

func runFiles(workload string) bool {
	if workload != "readfile" && workload != "statfile" {
		return false
	}
	path := filepath.Join(os.TempDir(), "gort-bench-pages")
	if known, err := os.Stat(path); err != nil || known.Size() != pages*page {
		if err := os.WriteFile(path, make([]byte, pages*page), 0o666); err != nil {
			panic(err)
		}
	}
	if workload == "statfile" {
		timed(looks, func(n int) {
			for i := 0; i < n; i++ {
				if _, err := os.Stat(path); err != nil {
					panic(err)
				}
			}
		})
		return true
	}
	file, err := os.Open(path)
	if err != nil {
		panic(err)
	}
	buf := make([]byte, page)
	read := func(n int) {
		for i := 0; i < n; i++ {
			if i%pages == 0 {
				file.Seek(0, io.SeekStart)
			}
			if _, err := io.ReadFull(file, buf); err != nil {
				panic(err)
			}
		}
	}
	read(pages)
	count := sized(10 * pages)
	measure(count, func() { read(count) })
	return true
}
