// Package state is the replicated state machine of a cell and its schema in
// Pebble: customers, sites, departments, agents, visitors, sessions, messages,
// offers and cards. It is pure but for the database it is given: no clock, no
// randomness, no map order decides anything, so every member of the cell that
// applied the same entries has the same rows. It starts no goroutine.
//
// DESIGN.md has the tables and the reasons.
package state
