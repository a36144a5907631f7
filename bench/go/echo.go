// Echo over loopback on Go: see bench/src/echo.rs.
package main

import (
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	trips = 100_000
	page  = 4096
)

func serve(conn net.Conn, message int) {
	buf := make([]byte, max(message, page))
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		conn.Write(buf[:n])
	}
}

// How long each took, if that is wanted.
func ask(conns []net.Conn, message, rounds int, timed bool) [][]int {
	var group sync.WaitGroup
	took := make([][]int, len(conns))
	for n, conn := range conns {
		group.Go(func() {
			var sent time.Time
			if timed {
				took[n] = make([]int, rounds)
			}
			buf := make([]byte, message)
			for i := 0; i < rounds; i++ {
				if timed {
					sent = time.Now()
				}
				conn.Write(buf)
				if _, err := io.ReadFull(conn, buf); err != nil {
					panic(err)
				}
				if timed {
					took[n][i] = int(time.Since(sent))
				}
			}
		})
	}
	group.Wait()
	return took
}

func runEcho(workload string) bool {
	name, size, sizes := strings.Cut(workload, "x")
	count, found := number(name, "echo")
	timed := false
	if !found {
		if count, timed = number(name, "latency"); !timed {
			return false
		}
	}
	message, all := 64, sized(trips)
	if sizes {
		var err error
		if message, err = strconv.Atoi(size); err != nil {
			return false
		}
	}
	if message > page {
		all /= 4
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				panic(err)
			}
			go serve(conn, message)
		}
	}()
	conns := make([]net.Conn, count)
	for i := range conns {
		if conns[i], err = net.Dial("tcp", listener.Addr().String()); err != nil {
			panic(err)
		}
	}
	rounds := max(all/count, 2)
	ask(conns, message, (rounds+3)/4, timed)
	if timed {
		distribution(slices.Concat(ask(conns, message, rounds, true)...))
	} else {
		measure(count*rounds, func() { ask(conns, message, rounds, false) })
	}
	return true
}
