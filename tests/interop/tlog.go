// Checks a static export of a log with the Go project's own transparency-log packages, the ones behind sum.golang.org.
//
//	go run tlog.go FOLDER LOG.vkey PROOFS.json
//
// FOLDER is what `shipslog export --static` wrote, PROOFS.json what /v1/log/proof/inclusion and /consistency answered.
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// folder reads tiles as C2SP tlog-tiles names them. Package tlog has the height of a tile in its paths; C2SP has not.
type folder string

func (f folder) Height() int                         { return 8 }
func (f folder) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (f folder) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		bytes, err := os.ReadFile(filepath.Join(string(f), strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

type proofs struct {
	Inclusion []struct {
		Index    int64
		TreeSize int64     `json:"tree_size"`
		Leaf     tlog.Hash `json:"leaf_hash"`
		Root     tlog.Hash
		Hashes   []tlog.Hash
	}
	Consistency []struct {
		Old, New int64
		OldRoot  tlog.Hash `json:"old_root"`
		NewRoot  tlog.Hash `json:"new_root"`
		Hashes   []tlog.Hash
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func read(path string) []byte {
	bytes, err := os.ReadFile(path)
	must(err)
	return bytes
}

// head opens the checkpoint: a note that the log signed, with its origin, size and root on three lines.
func head(dir, vkey string) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	must(err)
	opened, err := note.Open(read(filepath.Join(dir, "checkpoint")), note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		log.Fatalf("not a checkpoint of %s: %q", verifier.Name(), opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: root}
}

// entries takes the entry bundles apart: two bytes of length, then the entry.
func entries(dir string, size int64) (all [][]byte) {
	for number := int64(0); number*256 < size; number++ {
		width := 256
		if size-number*256 < 256 {
			width = int(size - number*256)
		}
		path := tlog.Tile{H: 8, L: 0, N: number, W: width}.Path()
		bytes := read(filepath.Join(dir, strings.Replace(path, "tile/8/0/", "tile/entries/", 1)))
		for ; len(bytes) > 0; bytes = bytes[2+binary.BigEndian.Uint16(bytes):] {
			all = append(all, bytes[2:2+binary.BigEndian.Uint16(bytes)])
		}
	}
	return all
}

func main() {
	log.SetFlags(0)
	dir := os.Args[1]
	tree := head(dir, strings.TrimSpace(string(read(os.Args[2]))))
	// The reader checks every tile against the root before it gives a hash from it.
	tiles := tlog.TileHashReader(tree, folder(dir))
	root, err := tlog.TreeHash(tree.N, tiles)
	must(err)
	all := entries(dir, tree.N)
	if root != tree.Hash || int64(len(all)) != tree.N {
		log.Fatalf("%d entries under %v, not %d under %v", len(all), root, tree.N, tree.Hash)
	}
	for index, entry := range all {
		proof, err := tlog.ProveRecord(tree.N, int64(index), tiles)
		must(err)
		must(tlog.CheckRecord(proof, tree.N, tree.Hash, int64(index), tlog.RecordHash(entry)))
	}
	var given proofs
	must(json.Unmarshal(read(os.Args[3]), &given))
	for _, p := range given.Inclusion {
		rootThen, err := tlog.TreeHash(p.TreeSize, tiles)
		must(err)
		if rootThen != p.Root || p.Leaf != tlog.RecordHash(all[p.Index]) {
			log.Fatalf("the proof of entry %d speaks of another entry or tree", p.Index)
		}
		must(tlog.CheckRecord(p.Hashes, p.TreeSize, p.Root, p.Index, p.Leaf))
	}
	for _, p := range given.Consistency {
		oldRoot, err := tlog.TreeHash(p.Old, tiles)
		must(err)
		newRoot, err := tlog.TreeHash(p.New, tiles)
		must(err)
		if oldRoot != p.OldRoot || newRoot != p.NewRoot {
			log.Fatalf("the proof from %d to %d speaks of other trees", p.Old, p.New)
		}
		must(tlog.CheckTree(p.Hashes, p.New, p.NewRoot, p.Old, p.OldRoot))
	}
	fmt.Printf("%d entries, %d inclusion and %d consistency proofs, root %v\n",
		tree.N, len(given.Inclusion), len(given.Consistency), root)
}
