// Package dom is the page as data: the tree of a visitor's page, the
// operations that change it, the binary form of both (FORMAT.md), and the
// difference between now and an earlier version. It is pure: no clock, no I/O,
// no goroutines. A Tree belongs to whoever holds it; nothing here locks.
//
// Nothing that a message holds can end the process: a malformed message is an
// error that names its offset, and an operation on what is not there does
// nothing.
package dom
