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
	trips   = 400_000
	message = 64
	page    = 4096
)

func serve(conn net.Conn) {
	buf := make([]byte, page)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		conn.Write(buf[:n])
	}
}

func ask(conns []net.Conn, rounds int) {
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
	count, err := strconv.Atoi(strings.TrimPrefix(workload, "echo"))
	if err != nil || !strings.HasPrefix(workload, "echo") {
		return false
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
			go serve(conn)
		}
	}()
	conns := make([]net.Conn, count)
	for i := range conns {
		if conns[i], err = net.Dial("tcp", listener.Addr().String()); err != nil {
			panic(err)
		}
	}
	rounds := trips / count
	ask(conns, (rounds+3)/4)
	measure(count*rounds, func() { ask(conns, rounds) })
	return true
}
