// Package remote is the cell as a node knows it that is an edge only. Such a
// node keeps no state: Remote holds in memory what concerns the people who are
// connected there, asks a core node for the rest, and proposes through it.
// Server is the core node's half.
//
// The core trusts an edge only with what passes through it. For everybody who
// connects, the edge shows the core what they showed it: a visitor's token, an
// agent's ticket, the grant of a carried link. From then on, and until they
// leave, it is told what concerns them and may propose in their name; besides
// that it may number the messages of sessions whose origin it is. The edge has
// no key: a core node signs all.
//
// One stream a pair: requests with a number, answers, and news in the order of
// the log. An answer comes after the news of what it answers, so that what
// Propose has answered, the Store shows. When the stream ends, Remote opens one
// to another core node, shows all grants it holds, is told all anew, and asks
// again what was not answered.
//
// Goroutines: Open starts one that keeps the stream, and the feed's; Close ends
// them. Server.Serve runs in its caller's, and has a writer of its own and one
// for each request that waits for the cell.
package remote
