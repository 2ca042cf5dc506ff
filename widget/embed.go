// Package widget carries the built browser code and the demo shop inside the
// binary. `make build` fills dist; without it the package still compiles and
// Open says what to do.
package widget

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed all:dist all:shop console/index.html
var files embed.FS

// Bundle is the built browser code.
type Bundle struct {
	Assets  fs.FS  // kohe.js and everything that it and the console load, in Encodings as well
	Shop    fs.FS  // the demo shop; its pages hold {{node}} where the node's address goes
	Version string // of kohe.js
	Keeper  string // the name of the script among Assets that keeps the mirrors' documents in the browser
	Console []byte // the console's document
}

// Encodings are the HTTP content codings that a file of the bundle is there in
// besides its own, the shortest first, as its name with a suffix.
var Encodings = []struct{ Name, Suffix string }{{"br", ".br"}, {"gzip", ".gz"}}

type manifest struct {
	Loader  string `json:"loader"`
	Keeper  string `json:"keeper"`
	Console struct {
		Script string `json:"script"`
		Style  string `json:"style"`
	} `json:"console"`
}

// Open reads the bundle.
func Open() (*Bundle, error) {
	b, err := open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("this binary was built without its browser code; build it with `make build`: %w", err)
	}
	return b, err
}

func open() (*Bundle, error) {
	text, err := files.ReadFile("dist/manifest.json")
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("read dist/manifest.json: %w", err)
	}
	b := &Bundle{Keeper: m.Keeper}
	if b.Assets, err = fs.Sub(files, "dist"); err != nil {
		return nil, err
	}
	if b.Shop, err = fs.Sub(files, "shop"); err != nil {
		return nil, err
	}
	loader, err := fs.ReadFile(b.Assets, m.Loader)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(loader)
	b.Version = base64.RawURLEncoding.EncodeToString(sum[:12])
	page, err := files.ReadFile("console/index.html")
	if err != nil {
		return nil, err
	}
	b.Console = fill(page, map[string]string{"script": "/kohe/a/" + m.Console.Script, "style": "/kohe/a/" + m.Console.Style})
	return b, nil
}
