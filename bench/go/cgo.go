// Calls of C and C's calls back, on Go: prints nanoseconds per operation.
package main

/*
static void nothing(void *arg) { __asm__ volatile("" : : "r"(arg)); }
extern void answer(void);
static void back(long times) { for (long i = 0; i < times; i++) answer(); }
*/
import "C"

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

const most = 2_000_000

//export answer
func answer() {}

func run(times int) {
	switch os.Args[1] {
	case "ccall":
		for i := 0; i < times; i++ {
			C.nothing(nil)
		}
	case "callback":
		C.back(C.long(times))
	default:
		os.Exit(2)
	}
}

func main() {
	times := most
	if divisor, err := strconv.Atoi(os.Getenv("BENCH_DIVISOR")); err == nil {
		times /= divisor
	}
	run(times / 10)
	// There is nothing to set up: what is to be repeated is longer.
	repeat, err := strconv.Atoi(os.Getenv("BENCH_REPEAT"))
	if err == nil {
		times *= repeat
		fmt.Printf("operations %d\n", times)
	}
	start := time.Now()
	run(times)
	fmt.Printf("%.1f\n", float64(time.Since(start).Nanoseconds())/float64(times))
}
