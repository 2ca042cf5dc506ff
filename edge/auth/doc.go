// Package auth proves who is at the other end: visitor tokens, console
// sessions and tickets, signed by the node's key, and agents' passwords. It
// keeps no goroutines; everything in it may be used concurrently.
package auth
