package link

import (
	"maps"
	"sync"
	"sync/atomic"

	"kohe/relay"
)

// Metrics counts what links do. All methods and fields are safe for
// concurrent use; the zero value is ready.
type Metrics struct {
	FramesIn, FramesOut [relay.Lanes]atomic.Uint64 // by lane; a doubled frame counts once
	BytesIn, BytesOut   [relay.Lanes]atomic.Uint64 // payloads, likewise
	Duplicates          atomic.Uint64              // second copies dropped
	Early               atomic.Uint64              // datagrams before Welcome, dropped
	Ahead               atomic.Uint64              // datagrams too far ahead of the stream, dropped
	Limited             atomic.Uint64              // cursor frames over their rate or out of date, dropped

	open   [len(Transports)]atomic.Int64
	opened [len(Transports)]atomic.Uint64

	mu      sync.Mutex
	refused map[relay.Code]uint64 // guarded by mu
}

// Transports are the transports that Open and Opened know.
var Transports = [...]string{WebTransport, WebSocket, Memory, Carried}

// Open returns how many welcomed connections there are over a transport.
func (m *Metrics) Open(transport string) int64 { return m.open[index(transport)].Load() }

// Opened returns how many connections over a transport were ever welcomed.
func (m *Metrics) Opened(transport string) uint64 { return m.opened[index(transport)].Load() }

// Refused returns how many Error frames links sent on their own account or for
// their handlers, by code.
func (m *Metrics) Refused() map[relay.Code]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.refused)
}

func (m *Metrics) refuse(code relay.Code) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refused == nil {
		m.refused = map[relay.Code]uint64{}
	}
	m.refused[code]++
}

func (m *Metrics) count(transport string) (done func()) {
	i := index(transport)
	m.open[i].Add(1)
	m.opened[i].Add(1)
	return func() { m.open[i].Add(-1) }
}

func index(transport string) int {
	for i, t := range Transports {
		if t == transport {
			return i
		}
	}
	panic("link: unknown transport " + transport)
}
