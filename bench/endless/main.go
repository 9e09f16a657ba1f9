// A registry that makes up its blobs while it serves them, and forgets what it is given once it has hashed it: bundles of any size
// without a disk for their source and their target.
//
//	endless <images> <layers of each> <bytes of each layer>
//
// It prints one line of JSON when it listens: its host, its images, the bytes of all blobs. Then it serves until it is killed.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

const (
	piece        = 1 << 20
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
)

// Of a layer every piece is this noise, but for its first 16 bytes: the numbers of layer and piece.
var noise = func() []byte {
	bytes := make([]byte, piece)
	source := rand.NewChaCha8([32]byte{7})
	source.Read(bytes)
	return bytes
}()

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

type image struct {
	Repository string `json:"repository"`
	Digest     string `json:"digest"`
}

// What it has: layers by their number, everything else as bytes, and what was pushed by its size alone.
type store struct {
	sync.RWMutex
	layers    map[string]int
	size      int64
	documents map[string][]byte
	pushed    map[string]descriptor
}

func main() {
	images, layers, size := number(1), number(2), int64(number(3))
	kept := &store{layers: map[string]int{}, size: size, documents: map[string][]byte{}, pushed: map[string]descriptor{}}
	digests := digestsOfLayers(images*layers, size)
	var made []image
	for i := range images {
		made = append(made, kept.makeImage(i, digests[i*layers:(i+1)*layers]))
	}
	for i, digest := range digests {
		kept.layers[digest] = i
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	ready, err := json.Marshal(map[string]any{"host": listener.Addr().String(), "images": made, "bytes": int64(len(digests)) * size})
	check(err)
	fmt.Println(string(ready))
	check(http.Serve(listener, kept))
}

func digestsOfLayers(count int, size int64) []string {
	digests := make([]string, count)
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Go(func() {
			for n := range numbers {
				sum := sha256.New()
				writeLayer(sum, n, 0, size)
				digests[n] = digestOf(sum)
			}
		})
	}
	for n := range count {
		numbers <- n
	}
	close(numbers)
	workers.Wait()
	return digests
}

// writeLayer gives the bytes of a layer from one position to another.
func writeLayer(to io.Writer, layer int, from, end int64) error {
	buffer := make([]byte, piece)
	for at := from; at < end; {
		number := at / piece
		copy(buffer, noise)
		binary.BigEndian.PutUint64(buffer, uint64(layer))
		binary.BigEndian.PutUint64(buffer[8:], uint64(number))
		part := buffer[at%piece : min(piece, end-number*piece)]
		if _, err := to.Write(part); err != nil {
			return err
		}
		at += int64(len(part))
	}
	return nil
}

func (s *store) makeImage(number int, layers []string) image {
	config := s.keep(map[string]any{"architecture": "amd64", "os": "linux", "rootfs": map[string]any{"type": "layers", "diff_ids": layers}})
	config.MediaType = configType
	var descriptors []descriptor
	for _, digest := range layers {
		descriptors = append(descriptors, descriptor{layerType, digest, s.size})
	}
	manifest := s.keep(map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": descriptors})
	return image{fmt.Sprintf("endless/image-%d", number), manifest.Digest}
}

func (s *store) keep(document any) descriptor {
	bytes, err := json.Marshal(document)
	check(err)
	sum := sha256.New()
	sum.Write(bytes)
	digest := digestOf(sum)
	s.documents[digest] = bytes
	return descriptor{"", digest, int64(len(bytes))}
}

func (s *store) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	path := request.URL.Path
	switch {
	case path == "/v2/":
	case strings.Contains(path, "/blobs/uploads/"):
		s.upload(answer, request)
	case request.Method == http.MethodPut:
		s.putManifest(answer, request)
	default:
		s.get(answer, request, path[strings.LastIndex(path, "/")+1:], strings.Contains(path, "/manifests/"))
	}
}

// What was pushed is there for a HEAD; nobody reads it again.
func (s *store) get(answer http.ResponseWriter, request *http.Request, name string, isManifest bool) {
	s.RLock()
	layer, isLayer := s.layers[name]
	document, isDocument := s.documents[name]
	pushed, isPushed := s.pushed[request.URL.Path]
	s.RUnlock()
	local := strings.HasPrefix(request.URL.Path, "/v2/endless/")
	head := answer.Header()
	head.Set("Docker-Content-Digest", name)
	switch {
	case isPushed:
		head.Set("Docker-Content-Digest", pushed.Digest)
		head.Set("Content-Type", pushed.MediaType)
		head.Set("Content-Length", strconv.FormatInt(pushed.Size, 10))
	case local && isLayer && !isManifest:
		s.getLayer(answer, request, layer)
	case local && isDocument:
		if isManifest {
			head.Set("Content-Type", manifestType)
		}
		head.Set("Content-Length", strconv.Itoa(len(document)))
		answer.Write(document)
	default:
		head.Del("Docker-Content-Digest")
		answer.WriteHeader(http.StatusNotFound)
	}
}

func (s *store) getLayer(answer http.ResponseWriter, request *http.Request, layer int) {
	from, end, status := int64(0), s.size, http.StatusOK
	if text, found := strings.CutPrefix(request.Header.Get("Range"), "bytes="); found {
		first, last, _ := strings.Cut(text, "-")
		var err error
		if from, err = strconv.ParseInt(first, 10, 64); err != nil || from >= s.size {
			answer.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		if asked, err := strconv.ParseInt(last, 10, 64); err == nil {
			end = min(end, asked+1)
		}
		status = http.StatusPartialContent
		answer.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, end-1, s.size))
	}
	answer.Header().Set("Content-Length", strconv.FormatInt(end-from, 10))
	answer.WriteHeader(status)
	if request.Method == http.MethodGet {
		writeLayer(answer, layer, from, end)
	}
}

func (s *store) upload(answer http.ResponseWriter, request *http.Request) {
	if request.Method == http.MethodPost {
		answer.Header().Set("Location", request.URL.Path+"session")
		answer.WriteHeader(http.StatusAccepted)
		return
	}
	sum := sha256.New()
	size, err := io.CopyBuffer(struct{ io.Writer }{sum}, request.Body, make([]byte, piece))
	digest := digestOf(sum)
	if err != nil || digest != request.URL.Query().Get("digest") {
		answer.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(answer, `{"errors":[{"code":"DIGEST_INVALID","message":"the bytes are %s"}]}`, digest)
		return
	}
	repository, _, _ := strings.Cut(request.URL.Path, "/blobs/uploads/")
	s.remember(repository+"/blobs/"+digest, descriptor{layerType, digest, size})
	answer.WriteHeader(http.StatusCreated)
}

func (s *store) putManifest(answer http.ResponseWriter, request *http.Request) {
	sum := sha256.New()
	size, err := io.Copy(sum, request.Body)
	check(err)
	digest := digestOf(sum)
	repository, name, _ := strings.Cut(request.URL.Path, "/manifests/")
	manifest := descriptor{request.Header.Get("Content-Type"), digest, size}
	s.remember(repository+"/manifests/"+digest, manifest)
	if name != digest {
		s.remember(request.URL.Path, manifest)
	}
	answer.Header().Set("Docker-Content-Digest", digest)
	answer.WriteHeader(http.StatusCreated)
}

func (s *store) remember(path string, pushed descriptor) {
	s.Lock()
	defer s.Unlock()
	s.pushed[path] = pushed
}

func digestOf(sum hash.Hash) string {
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

func number(position int) int {
	n, err := strconv.Atoi(os.Args[position])
	check(err)
	return n
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
