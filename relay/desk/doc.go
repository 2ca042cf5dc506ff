// Package desk is the rules of the contact centre: who is at work, who is
// free, whose turn it is. It is pure: no clock, no randomness, no I/O, and no
// map order decides anything. Every method is told the time in ms; the desk's
// own time is the largest it was told and never runs backwards.
//
// The rules, in the order in which they bite:
//
//   - A session waits in one department's queue, in the order of opening; one
//     that a vanished agent gave back goes before those (the longest waiting
//     of them first). Over several departments the same order holds.
//   - An agent is free for it who is in service with its department ticked,
//     can be reached, has a place (sessions and offers count alike), is not
//     resting and did not pass this session by within PassPause.
//   - Of the free, one who never passed it by is asked first, then who has the
//     least to do, then who has been so the longest, then by name.
//   - An offer lives OfferTime. Declined or expired, it moves on; the agent who
//     passed it by is asked again only after PassPause, and last.
//   - An agent who lets MissesToRest offers in a row expire is evidently not
//     looking: they get none for RestTime, or until they do something (set
//     their state, answer an offer). Meanwhile they do not count as free.
//     Several offers at one time are one chance, so they count as one.
//   - Out of reach, out of service or with the department unticked, an agent's
//     offers move on at once. Their sessions stay, until they have been out of
//     reach for VanishTime.
//   - A session whose visitor has had no connection for AwayTime ends.
//
// Nothing happens by time alone but in Tick, so an answer that arrives before
// the tick that would have expired its offer still counts.
//
// A Desk belongs to one goroutine, or to whoever holds its owner's lock.
package desk
