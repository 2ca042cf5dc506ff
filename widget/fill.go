package widget

import "bytes"

// fill puts values where a document says {{name}}.
func fill(page []byte, values map[string]string) []byte {
	for name, value := range values {
		page = bytes.ReplaceAll(page, []byte("{{"+name+"}}"), []byte(value))
	}
	return page
}

// ShopPage returns a page of the demo shop with the node's address in it.
func ShopPage(page []byte, node string) []byte {
	return fill(page, map[string]string{"node": node})
}
