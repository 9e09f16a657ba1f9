// The floor: what these bytes cost anyone who moves them in full. No manifests, no names, no retries, no checks but the digest.
//
//	floor pull <plan.json> <file>   4 connections, sha256, one pwrite a MiB at the blob's offset, fsync
//	floor push <plan.json> <file>   4 connections, POST and one PUT a blob, the kernel sends the body from the file (sendfile)
package main

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
)

const connections = 4

type blob struct {
	Repository string
	Digest     string
	Size       int64
	Offset     int64
}

type plan struct {
	Host  string
	TLS   bool
	Blobs []blob
}

func (p plan) origin() string {
	if p.TLS {
		return "https://" + p.Host
	}
	return "http://" + p.Host
}

func main() {
	text, err := os.ReadFile(os.Args[2])
	check(err)
	var todo plan
	check(json.Unmarshal(text, &todo))
	if os.Args[1] == "pull" {
		pullAll(todo, os.Args[3])
	} else {
		eachBlob(todo, func(b blob) { push(todo.origin(), b, os.Args[3]) })
	}
}

func pullAll(todo plan, name string) {
	file, err := os.Create(name)
	check(err)
	last := todo.Blobs[len(todo.Blobs)-1]
	check(file.Truncate(last.Offset + last.Size))
	buffers := sync.Pool{New: func() any { return make([]byte, 1<<20) }}
	eachBlob(todo, func(b blob) {
		buffer := buffers.Get().([]byte)
		pull(todo.origin(), b, file, buffer)
		buffers.Put(buffer)
	})
	check(file.Sync())
	check(file.Close())
}

func pull(origin string, b blob, file *os.File, buffer []byte) {
	answer, err := http.Get(origin + "/v2/" + b.Repository + "/blobs/" + b.Digest)
	check(err)
	defer answer.Body.Close()
	hash := sha256.New()
	for offset := b.Offset; ; {
		n, err := io.ReadFull(answer.Body, buffer)
		hash.Write(buffer[:n])
		_, failed := file.WriteAt(buffer[:n], offset)
		check(failed)
		offset += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		check(err)
	}
	if found := "sha256:" + hex.EncodeToString(hash.Sum(nil)); found != b.Digest {
		check(fmt.Errorf("%s came as %s", b.Digest, found))
	}
}

func push(origin string, b blob, name string) {
	answer, err := http.Post(origin+"/v2/"+b.Repository+"/blobs/uploads/", "", nil)
	check(err)
	drop(answer, http.StatusAccepted)
	session, err := answer.Location()
	check(err)
	query := session.Query()
	query.Set("digest", b.Digest)
	session.RawQuery = query.Encode()
	file, err := os.Open(name)
	check(err)
	defer file.Close()
	_, err = file.Seek(b.Offset, io.SeekStart)
	check(err)
	put(session, file, b.Size)
}

// By hand, because net/http sends a part of a file through its own memory. io.CopyN from a file to a plain socket is sendfile.
func put(session *url.URL, file *os.File, size int64) {
	connection, err := dial(session)
	check(err)
	defer connection.Close()
	const head = "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
	_, err = fmt.Fprintf(connection, head, session.RequestURI(), session.Host, size)
	check(err)
	_, err = io.CopyBuffer(connection, io.LimitReader(file, size), make([]byte, 1<<20))
	check(err)
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	check(err)
	drop(answer, http.StatusCreated)
}

func dial(session *url.URL) (net.Conn, error) {
	if session.Scheme == "https" {
		return tls.Dial("tcp", session.Host, nil)
	}
	return net.Dial("tcp", session.Host)
}

func drop(answer *http.Response, status int) {
	body, err := io.ReadAll(answer.Body)
	check(err)
	answer.Body.Close()
	if answer.StatusCode != status {
		check(fmt.Errorf("%s: %s", answer.Status, body))
	}
}

func eachBlob(todo plan, work func(blob)) {
	transport := http.DefaultTransport.(*http.Transport)
	transport.MaxIdleConnsPerHost = connections
	transport.DisableCompression = true
	queue := make(chan blob)
	var workers sync.WaitGroup
	for range connections {
		workers.Go(func() {
			for b := range queue {
				work(b)
			}
		})
	}
	for _, b := range todo.Blobs {
		queue <- b
	}
	close(queue)
	workers.Wait()
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
