// Echo over loopback on Go: see bench/src/echo.rs.
package main

import (
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
)

const (
	trips = 200_000
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

func ask(conns []net.Conn, message, rounds int) {
	var group sync.WaitGroup
	for _, conn := range conns {
		group.Go(func() {
			buf := make([]byte, message)
			for i := 0; i < rounds; i++ {
				conn.Write(buf)
				if _, err := io.ReadFull(conn, buf); err != nil {
					panic(err)
				}
			}
		})
	}
	group.Wait()
}

func runEcho(workload string) bool {
	name, size, sizes := strings.Cut(workload, "x")
	count, found := number(name, "echo")
	if !found {
		return false
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
	ask(conns, message, (rounds+3)/4)
	measure(count*rounds, func() { ask(conns, message, rounds) })
	return true
}
