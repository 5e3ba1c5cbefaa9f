// Checks a log that Forbear wrote with Go's own golang.org/x/mod/sumdb/tlog and note, and nothing of Forbear's.
//
//	go run main.go DIR VKEY SIZE:ROOT:PROOF...
//
// DIR holds `checkpoint` and `tile/`. Verified are: the signature of the checkpoint, its root from the tiles, that every
// entry is a leaf under it, inclusion proofs, and that the tree of each SIZE is a prefix. It prints "verified N" or says what fails, with code 1.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func fail(format string, args ...interface{}) {
	fmt.Printf(format+"\n", args...)
	os.Exit(1)
}

// tiles reads C2SP paths: tile/L/N, without the height that the Go checksum database has in its own.
type tiles struct{ dir string }

func (t tiles) Height() int { return 8 }

func path(t tlog.Tile) string {
	parts := strings.SplitN(t.Path(), "/", 3) // tile/8/L/N
	rest := parts[2]
	if t.L == -1 {
		rest = "entries" + strings.TrimPrefix(rest, "data")
	}
	return "tile/" + rest
}

func (t tiles) read(tile tlog.Tile) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(t.dir, path(tile)))
	if os.IsNotExist(err) && tile.W < 256 {
		whole := tile
		whole.W = 256
		data, err = os.ReadFile(filepath.Join(t.dir, path(whole)))
		if err == nil && tile.L >= 0 {
			data = data[:tile.W*tlog.HashSize]
		}
	}
	return data, err
}

func (t tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range want {
		data, err := t.read(tile)
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func main() {
	dir, vkey := os.Args[1], os.Args[2]
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		fail("key: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		fail("checkpoint: %v", err)
	}
	signed, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		fail("checkpoint: %v", err)
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		fail("checkpoint: not of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		fail("checkpoint: %v", err)
	}
	raw, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(raw) != tlog.HashSize {
		fail("checkpoint: root")
	}
	var root tlog.Hash
	copy(root[:], raw)
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, tiles{dir})

	for first := int64(0); first < size; first += 256 {
		width := size - first
		if width > 256 {
			width = 256
		}
		bundle, err := tiles{dir}.read(tlog.Tile{H: 8, L: -1, N: first / 256, W: int(width)})
		if err != nil {
			fail("entries: %v", err)
		}
		var indexes []int64
		for i := first; i < first+width; i++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, i))
		}
		hashes, err := reader.ReadHashes(indexes) // authenticated: they lead to the root
		if err != nil {
			fail("entries from %d on: %v", first, err)
		}
		for i := first; i < first+width; i++ {
			if len(bundle) < 2 {
				fail("entry %d: missing", i)
			}
			n := int(binary.BigEndian.Uint16(bundle))
			if len(bundle) < 2+n {
				fail("entry %d: short", i)
			}
			hash := tlog.RecordHash(bundle[2 : 2+n])
			bundle = bundle[2+n:]
			if hash != hashes[i-first] {
				fail("entry %d: another hash", i)
			}
			if i != first && i != first+width-1 {
				continue
			}
			proof, err := tlog.ProveRecord(size, i, reader)
			if err != nil {
				fail("entry %d: %v", i, err)
			}
			if err := tlog.CheckRecord(proof, size, root, i, hash); err != nil {
				fail("entry %d: %v", i, err)
			}
		}
		if len(bundle) != 0 && width == 256 {
			fail("entries from %d on: too many", first)
		}
	}
	for _, arg := range os.Args[3:] {
		parts := strings.Split(arg, ":") // SIZE:ROOT:PATH,PATH of the proof that Forbear gave
		old, _ := strconv.ParseInt(parts[0], 10, 64)
		before, err := tlog.TreeHash(old, reader)
		if err != nil {
			fail("tree %d: %v", old, err)
		}
		if before.String() != parts[1] {
			fail("tree %d: another root", old)
		}
		var proof tlog.TreeProof
		for _, step := range strings.Split(parts[2], ",") {
			if step == "" {
				continue
			}
			hash, err := tlog.ParseHash(step)
			if err != nil {
				fail("tree %d: %v", old, err)
			}
			proof = append(proof, hash)
		}
		if err := tlog.CheckTree(proof, size, root, old, before); err != nil {
			fail("tree %d: %v", old, err)
		}
	}
	fmt.Printf("verified %d\n", size)
}
