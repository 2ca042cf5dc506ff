// Package peer is how the nodes of a cluster know and reach each other: the
// cluster's CA and the certificates it signs, joining by token, and one QUIC
// connection per pair of nodes with streams and datagrams. DESIGN decision 4.
//
// What it promises: whoever is at the other end has proved, with a certificate
// of this cluster's CA, the Identity that Conn.Peer returns; there is one
// connection a pair, whoever dialled first; nothing here waits for a slow node
// but the goroutine that writes to it. Who may connect is the caller's to say.
//
// Every goroutine belongs to a Peers, whose Close waits for them, or to the
// call that started it. DESIGN.md says why it is built as it is.
package peer
