// Many who wait, and a process that does nothing, on Go: see parked.rs and idle.rs.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// A field of a status file.
func status(path, field string) int {
	text, _ := os.ReadFile(path)
	for _, line := range strings.Split(string(text), "\n") {
		if rest, found := strings.CutPrefix(line, field); found {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				panic(err)
			}
			return n
		}
	}
	return 0
}

func parked(count int) {
	const self = "/proc/self/status"
	var waiting, woken atomic.Int64
	all := make([]chan struct{}, count)
	for i := range all {
		all[i] = make(chan struct{})
	}
	memory, tables := status(self, "VmRSS:"), status(self, "VmPTE:")
	each := func(name string, total float64) { fmt.Printf("%s %.1f\n", name, total/float64(count)) }
	start := time.Now()
	for _, event := range all {
		go func() {
			waiting.Add(1)
			<-event
			woken.Add(1)
		}()
	}
	for waiting.Load() < int64(count) {
		runtime.Gosched()
	}
	each("spawn", float64(time.Since(start).Nanoseconds()))
	memory = status(self, "VmRSS:") - memory
	each("tables", 1024*float64(status(self, "VmPTE:")-tables))
	start = time.Now()
	for _, event := range all {
		close(event)
	}
	for woken.Load() < int64(count) {
		runtime.Gosched()
	}
	each("wake", float64(time.Since(start).Nanoseconds()))
	fmt.Printf("%.1f\n", 1024*float64(memory)/float64(count))
}

func runParked(workload string) bool {
	if workload == "idle" {
		time.Sleep(30 * time.Second)
		return true
	}
	count, found := number(workload, "parked")
	if found {
		parked(count)
	}
	return found
}
