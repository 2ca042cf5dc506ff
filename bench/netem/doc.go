// Package netem emulates a network between hosts on one machine, in user space:
// delay, jitter, loss, rate and queue in each direction between each pair of
// hosts, changeable while it runs, and links that are cut and healed.
//
// Open gives each host a network namespace of its own with a TUN device, for
// real processes over UDP and TCP (Linux, root). NewMemory gives each host
// net.PacketConns in this process, for tests in a synctest bubble. Both share
// the same links.
//
// A link is a transmitter with a queue and then a wire. A packet that finds no
// room in the queue is dropped; the transmitter takes size/rate for it; the wire
// loses it or holds it for delay ± jitter. Packets keep their order, as over one
// path: one that jitter would let overtake waits for those before it, so with a
// jitter above the spacing of the packets the mean delay is above Delay. Sizes
// are those of IP packets in namespaces and of payloads in memory.
package netem
