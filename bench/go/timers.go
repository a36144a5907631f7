// Workloads of timers on Go.
package main

import (
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	timers = 1_000_000
	sleeps = 500
	soon   = 3 * time.Second
)

func addTimers(report bool) {
	count := sized(timers)
	all := make([]*time.Timer, 0, count)
	work := func() {
		for n := 0; n < count; n++ {
			due := time.Hour + time.Duration(n*7919%count)*time.Microsecond
			all = append(all, time.AfterFunc(due, func() {}))
		}
	}
	if report {
		measure(count, work)
	} else {
		work()
	}
	for _, timer := range all {
		if !timer.Stop() {
			panic("it has fired")
		}
	}
}

func fireTimers() {
	var group sync.WaitGroup
	count := sized(timers)
	soon := max(soon*time.Duration(count)/timers, soon/10)
	start := time.Now()
	for n := 0; n < count; n++ {
		group.Add(1)
		time.AfterFunc(soon-time.Since(start), group.Done)
	}
	if time.Since(start) >= soon {
		panic("the machine is too slow")
	}
	before := cpu()
	group.Wait()
	fmt.Printf("%.1f\n", float64(cpu()-before)/float64(count))
}

func resetTimers() {
	all := make([]*time.Timer, sized(timers))
	for n := range all {
		all[n] = time.AfterFunc(time.Hour, func() {})
	}
	measure(4*len(all), func() {
		for k := 0; k < 4; k++ {
			for _, timer := range all {
				if !timer.Reset(time.Hour) {
					panic("it has fired")
				}
			}
		}
	})
}

func lateness() {
	late := make([]int, sized(sleeps))
	for n := range late {
		start := time.Now()
		time.Sleep(time.Millisecond)
		late[n] = int(time.Since(start) - time.Millisecond)
	}
	distribution(late)
}

// See timers.rs.
func distribution(all []int) {
	sort.Ints(all)
	part := func(of, whole int) float64 { return float64(all[min(len(all)*of/whole, len(all)-1)]) }
	fmt.Printf("median %.1f\nthousandth %.1f\ncdf", part(50, 100), part(999, 1000))
	for percent := 0; percent <= 100; percent++ {
		fmt.Printf(" %.1f", part(percent, 100))
	}
	fmt.Printf("\n%.1f\n", part(99, 100))
}

func amongHogs() {
	var stop atomic.Bool
	for i := 0; i < 4; i++ {
		go func() {
			for !stop.Load() {
			}
		}()
	}
	lateness()
	stop.Store(true)
}

func cpu() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// Runs a workload by name: whether there is one.
func runTimers(workload string) bool {
	switch workload {
	case "timeradd":
		addTimers(false)
		addTimers(true)
	case "timerfire":
		fireTimers()
	case "timerreset":
		resetTimers()
	case "sleep":
		lateness()
	case "sleephogs":
		amongHogs()
	default:
		return false
	}
	return true
}
