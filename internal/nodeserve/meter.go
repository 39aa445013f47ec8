package nodeserve

import (
	"time"

	"github.com/creachadair/jrpc2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// meter has the metrics. The values of its labels are closed sets: allowed names, methods, codes.
type meter struct {
	registry *prometheus.Registry
	open     *prometheus.GaugeVec
	refusals *prometheus.CounterVec
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	waiting  prometheus.Gauge
	received prometheus.Counter
	sent     prometheus.Counter
	panics   prometheus.Counter
	loads    *prometheus.CounterVec
	expiry   prometheus.Gauge
	ready    prometheus.Gauge
}

func newMeter() *meter {
	m := &meter{registry: prometheus.NewRegistry()}
	const space = "ovn_ct_trace_node"
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: space, Name: name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: space, Name: name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: space, Name: name, Help: help}, labels)
	}
	m.open = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: space, Name: "connections", Help: "Connections that are served."}, []string{"client"})
	m.refusals = counters("refused_total", "Connections that were not served.", "reason")
	m.calls = counters("calls_total", "Calls that have ended. code is ok or the code of the error.", "client", "method", "code")
	m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: space, Name: "call_seconds", Help: "Time of calls.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
	}, []string{"method"})
	m.waiting = gauge("requests", "Requests that are not answered yet.")
	m.received = counter("received_bytes_total", "Bytes of requests.")
	m.sent = counter("sent_bytes_total", "Bytes of answers.")
	m.panics = counter("panics_total", "Calls that have panicked.")
	m.loads = counters("certificate_loads_total", "How often the certificates were read.", "result")
	m.expiry = gauge("certificate_expiry_seconds", "End of the certificate's validity, in seconds since 1970.")
	m.ready = gauge("ready", "Whether Open vSwitch and conntrack answered when last asked.")
	m.registry.MustRegister(m.open, m.refusals, m.calls, m.seconds, m.waiting, m.received, m.sent, m.panics, m.loads, m.expiry, m.ready,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *meter) connected(client string, delta float64) { m.open.WithLabelValues(client).Add(delta) }

func (m *meter) refused(reason string) { m.refusals.WithLabelValues(reason).Inc() }

func (m *meter) ended(client, method string, took time.Duration, err error) {
	code := "ok"
	if err != nil {
		code = node.CodeName(jrpc2.ErrorCode(err))
	}
	m.calls.WithLabelValues(client, method, code).Inc()
	m.seconds.WithLabelValues(method).Observe(took.Seconds())
}

func (m *meter) loaded(id *identity, err error) {
	if err != nil {
		m.loads.WithLabelValues("error").Inc()
		return
	}
	m.loads.WithLabelValues("ok").Inc()
	m.expiry.Set(float64(id.until.Unix()))
}

func (m *meter) traffic() *traffic {
	return &traffic{
		in:    func(n int) { m.received.Add(float64(n)) },
		out:   func(n int) { m.sent.Add(float64(n)) },
		asked: func(delta int) { m.waiting.Add(float64(delta)) },
	}
}
