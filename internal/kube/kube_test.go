package kube

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/kube/kubetest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// cluster starts an API server, and returns the real kubectl that asks it.
func cluster(t *testing.T, s *kubetest.Server) *Cluster {
	t.Helper()
	kubectl := testenv.Tool(t, "kubectl")
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	home := t.TempDir()
	config := filepath.Join(home, "config")
	if err := os.WriteFile(config, []byte(kubetest.Config(srv.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", config)
	t.Setenv("HOME", home) // the cache of discovery
	return &Cluster{Command: []string{kubectl}}
}

func running(names ...string) []kubetest.Container {
	var out []kubetest.Container
	for _, n := range names {
		out = append(out, kubetest.Container{Name: n})
	}
	return out
}

func ovnkube(namespace, node string, c ...kubetest.Container) kubetest.Pod {
	return kubetest.Pod{Namespace: namespace, Name: "ovnkube-node-" + node, Node: node, Labels: map[string]string{"app": "ovnkube-node"}, Containers: c, Enter: []string{"env"}}
}

// TestWay: the pod on a chassis' node is found in each known deployment, and the container that may
// read conntrack is preferred.
func TestWay(t *testing.T) {
	privileged := kubetest.Container{Name: "ovnkube-controller", Privileged: true}
	for name, c := range map[string]*struct {
		server        kubetest.Server
		cluster       Cluster // what the user says
		chassis, host string
		want          string // the words behind kubectl, or the error
	}{
		"OVN-Kubernetes": {
			server: kubetest.Server{Pods: []kubetest.Pod{
				ovnkube("ovn-kubernetes", "n1", running("ovn-controller", "nb-ovsdb")...), ovnkube("ovn-kubernetes", "n2", running("ovn-controller")...)}},
			host: "n2", want: "exec --stdin --namespace=ovn-kubernetes ovnkube-node-n2 --container=ovn-controller --",
		},
		"a privileged container is preferred": {
			server: kubetest.Server{Pods: []kubetest.Pod{ovnkube("ovn-kubernetes", "n1", append(running("ovn-controller"), privileged)...)}},
			host:   "n1", want: "exec --stdin --namespace=ovn-kubernetes ovnkube-node-n1 --container=ovnkube-controller --",
		},
		"a container that does not run is not used": {
			server: kubetest.Server{Pods: []kubetest.Pod{ovnkube("ovn-kubernetes", "n1", kubetest.Container{Name: "ovn-controller", Privileged: true, Stopped: true}, kubetest.Container{Name: "ovnkube-node"})}},
			host:   "n1", want: "exec --stdin --namespace=ovn-kubernetes ovnkube-node-n1 --container=ovnkube-node --",
		},
		"nothing runs": {
			server: kubetest.Server{Pods: []kubetest.Pod{ovnkube("ovn-kubernetes", "n1", kubetest.Container{Name: "ovn-controller", Stopped: true})}},
			host:   "n1", want: "find its container: pod ovnkube-node-n1 in ovn-kubernetes (Running) runs none of the containers ovn-controller, ovnkube-controller, ovnkube-node, ovn-node",
		},
		"OpenShift, whose other namespaces may not be listed": {
			server: kubetest.Server{Pods: []kubetest.Pod{ovnkube("openshift-ovn-kubernetes", "n1.example", running("ovn-controller")...)},
				Forbidden: map[string]bool{"ovn-kubernetes": true}},
			host: "n1.example", want: "exec --stdin --namespace=openshift-ovn-kubernetes ovnkube-node-n1.example --container=ovn-controller --",
		},
		"kube-ovn": {
			server: kubetest.Server{Pods: []kubetest.Pod{{Namespace: "kube-system", Name: "ovs-ovn-x", Node: "n1", Labels: map[string]string{"app": "ovs"}, Containers: running("openvswitch")}}},
			host:   "n1", want: "exec --stdin --namespace=kube-system ovs-ovn-x --container=openvswitch --",
		},
		"the node by its annotation": {
			server: kubetest.Server{Pods: []kubetest.Pod{ovnkube("ovn-kubernetes", "n1", running("ovn-controller")...)},
				Nodes: []kubetest.Node{{Name: "n1", Annotations: map[string]string{"k8s.ovn.org/node-chassis-id": "c-1"}}}},
			chassis: "c-1", host: "localhost.localdomain", want: "exec --stdin --namespace=ovn-kubernetes ovnkube-node-n1 --container=ovn-controller --",
		},
		"the node by a longer host name": {
			server: kubetest.Server{Pods: []kubetest.Pod{ovnkube("ovn-kubernetes", "n1", running("ovn-controller")...)}, Nodes: []kubetest.Node{{Name: "n1"}}},
			host:   "n1.example.org", want: "exec --stdin --namespace=ovn-kubernetes ovnkube-node-n1 --container=ovn-controller --",
		},
		"what the user says": {
			server:  kubetest.Server{Pods: []kubetest.Pod{{Namespace: "net", Name: "vswitch", Node: "n1", Labels: map[string]string{"role": "ovs"}, Containers: running("a", "b")}}},
			cluster: Cluster{Context: "lab", Namespace: "net", Selector: "role=ovs", Container: "b"},
			host:    "n1", want: "--context=lab exec --stdin --namespace=net vswitch --container=b --",
		},
		"any pod that runs": {
			server: kubetest.Server{Pods: []kubetest.Pod{ovnkube("ovn-kubernetes", "n1", kubetest.Container{Name: "ovn-controller", Stopped: true}),
				ovnkube("ovn-kubernetes", "n2", running("ovn-controller")...)}},
			want: "exec --stdin --namespace=ovn-kubernetes ovnkube-node-n2 --container=ovn-controller --",
		},
		"no pod at all": {
			cluster: Cluster{Namespace: "a b", Selector: "x=y z"}, want: "find a pod: there is no pod with x=y z in a b",
		},
		"no such context": {
			cluster: Cluster{Context: "other"}, host: "n1", want: `"other"`,
		},
		"no node": {
			chassis: "c-1", host: "n1", want: `find its node: no node has the chassis "c-1" or the host name "n1"`,
		},
		"no pod": {
			server: kubetest.Server{Nodes: []kubetest.Node{{Name: "n1"}}}, host: "n1",
			want: "find its pod: node n1 has no pod with app=ovnkube-node in ovn-kubernetes, or app=ovnkube-node in openshift-ovn-kubernetes, or app=ovs in kube-system, " +
				"or app.kubernetes.io/name=kube-ovn-ovs in kube-system",
		},
		"nothing may be listed": {
			server: kubetest.Server{Forbidden: map[string]bool{"ovn-kubernetes": true, "openshift-ovn-kubernetes": true, "kube-system": true}},
			host:   "n1", want: `get pods: Error from server (Forbidden): pods is forbidden: User "lab" cannot list resource "pods" in the namespace "kube-system"`,
		},
		"a host name that is no name": {
			host: "n1,metadata.namespace=x", want: `find its node: no node has the chassis "" or the host name "n1,metadata.namespace=x"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := cluster(t, &c.server)
			k.Context, k.Namespace, k.Selector, k.Container = c.cluster.Context, c.cluster.Namespace, c.cluster.Selector, c.cluster.Container
			way, err := k.Way(t.Context(), c.chassis, c.host)
			if err != nil {
				if !strings.Contains(err.Error(), c.want) || failure.KindOf(err) != failure.Unreachable || failure.HintOf(err) == "" {
					t.Errorf("%v (hint %q)", err, failure.HintOf(err))
				}
				return
			}
			if got := strings.Join(way[1:], " "); got != c.want || way[0] != k.Command[0] {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
}

// TestFoundOnce: the deployment of the first pod is that of the next, which costs one question.
func TestFoundOnce(t *testing.T) {
	s := &kubetest.Server{Pods: []kubetest.Pod{ovnkube("openshift-ovn-kubernetes", "n1", running("ovn-controller")...), ovnkube("openshift-ovn-kubernetes", "n2", running("ovn-controller")...)}}
	k := cluster(t, s)
	lists := func() (n int) {
		for _, path := range s.Asked() {
			if strings.Contains(path, "/pods?") {
				n++
			}
		}
		return n
	}
	for i, want := range []int{2, 3, 4} {
		if _, err := k.Way(t.Context(), "", []string{"n1", "n2", "n1"}[i]); err != nil || lists() != want {
			t.Errorf("%d: %d lists, not %d: %v", i, lists(), want, err)
		}
	}
}

// TestStreams: what goes through the real kubectl's exec arrives unchanged, by both protocols.
func TestStreams(t *testing.T) {
	k := cluster(t, &kubetest.Server{Pods: []kubetest.Pod{ovnkube("ovn-kubernetes", "n1", running("ovn-controller")...)}})
	way, err := k.Way(t.Context(), "", "n1")
	if err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, 3<<20)
	for i := range payload {
		payload[i] = byte(i * i >> 3)
	}
	for _, ws := range []string{"true", "false"} { // kubectl before 1.31 knows SPDY only
		t.Setenv("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", ws)
		cmd := exec.CommandContext(t.Context(), way[0], append(slices.Clone(way[1:]), "cat")...)
		cmd.Stdin = strings.NewReader(string(payload))
		out, err := cmd.Output()
		if err != nil || string(out) != string(payload) {
			var ee *exec.ExitError
			errors.As(err, &ee)
			t.Errorf("websockets %s: %d of %d bytes, %v %+v", ws, len(out), len(payload), err, ee)
		}
	}
}

// TestBrokenKubectl: a kubectl that is not there, hangs, floods or prints something else.
func TestBrokenKubectl(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"not there": {"", "no such file"},
		"garbage":   {"echo hello", "invalid character"},
		"one pod":   {`echo '{"kind":"Pod"}'`, `printed a "Pod", not a list`},
		"fails":     {"echo one >&2; echo the last word >&2; exit 1", "the last word"},
		"hangs":     {"exec sleep 60", "no answer: context deadline exceeded"},
		"a child":   {"sleep 5 & sleep 5", "no answer: context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "kubectl")
			if c.script != "" {
				if err := os.WriteFile(file, []byte("#!/bin/sh\n"+c.script+"\n"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := (&Cluster{Command: []string{file}}).Way(ctx, "c", "n1")
			if err == nil || !strings.Contains(err.Error(), c.want) || failure.HintOf(err) == "" {
				t.Errorf("%v (hint %q)", err, failure.HintOf(err))
			}
		})
	}
}

// TestFlood: what kubectl prints costs bounded memory, and its warnings do not end it.
func TestFlood(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"endless":  {"exec yes", "more than 1048576 bytes"},
		"warnings": {`yes warning | head -c 100000 >&2; echo '{"kind":"List"}'`, ""},
		"last":     {"yes warning | head -c 100000 >&2; echo the last word >&2; exit 1", "the last word"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := (&Cluster{Command: []string{"sh", "-c", c.script}, maxList: 1 << 20}).list(ctx, "pods")
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParse: no list makes the reader panic, and no pod of it a way that is not one.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"kind":"List","items":[{"metadata":{"name":"p"},"spec":{"containers":[{"name":"ovn-controller","securityContext":{"privileged":true}}]},` +
		`"status":{"phase":"Running","containerStatuses":[{"name":"ovn-controller","state":{"running":{}}}]}}]}`))
	f.Add([]byte(`{"kind":"PodList","items":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		items, err := parse(text)
		if err != nil && items != nil {
			t.Error("items with an error")
		}
		c := &Cluster{Command: []string{"kubectl"}}
		for _, p := range items {
			way, err := c.into(p, layouts[0])
			if err == nil && (len(way) != 7 || strings.HasPrefix(way[4], "-")) {
				t.Errorf("%q", way)
			}
		}
	})
}
