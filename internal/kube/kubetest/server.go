// Package kubetest is a small Kubernetes API server: pods and nodes that kubectl lists, and
// commands that kubectl runs in a pod's container, over both protocols that there are for it.
package kubetest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
)

// Container is a container of a pod.
type Container struct {
	Name       string
	Privileged bool
	Stopped    bool
}

// Pod is a pod that runs on a node.
type Pod struct {
	Namespace, Name, Node string
	Labels                map[string]string
	Containers            []Container
	// Enter is the command that runs what follows it in the pod's containers.
	Enter []string
}

// Node is a node of the cluster.
type Node struct {
	Name        string
	Labels      map[string]string
	Annotations map[string]string
}

// Server is the API server: an http.Handler.
type Server struct {
	Pods  []Pod
	Nodes []Node
	// Forbidden are namespaces whose pods may not be listed.
	Forbidden map[string]bool

	mu    sync.Mutex
	asked []string
}

// Asked returns the paths that were asked for, with their queries.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.asked...)
}

// Config returns a configuration for kubectl that names the server at a URL, in the context "lab".
func Config(url string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: lab
clusters: [{name: lab, cluster: {server: %q}}]
users: [{name: lab, user: {}}]
contexts: [{name: lab, context: {cluster: lab, user: lab, namespace: default}}]
`, url)
}

type object = map[string]any

// ServeHTTP answers the requests that kubectl get pods, get nodes and exec make.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.RequestURI())
	s.mu.Unlock()
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.URL.Path == "/version":
		answer(w, object{"major": "1", "minor": "32", "gitVersion": "v1.32.0"})
	case r.URL.Path == "/api":
		answer(w, object{"kind": "APIVersions", "versions": []string{"v1"}})
	case r.URL.Path == "/apis":
		answer(w, object{"kind": "APIGroupList", "apiVersion": "v1", "groups": []any{}})
	case r.URL.Path == "/api/v1":
		resource := func(name, kind string, namespaced bool) object {
			return object{"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": []string{"get", "list"}}
		}
		answer(w, object{"kind": "APIResourceList", "groupVersion": "v1", "resources": []any{
			resource("pods", "Pod", true), resource("nodes", "Node", false),
			object{"name": "pods/exec", "namespaced": true, "kind": "PodExecOptions", "verbs": []string{"create", "get"}}}})
	case r.URL.Path == "/api/v1/nodes":
		answer(w, s.nodeList())
	case len(path) == 5 && path[2] == "namespaces" && path[4] == "pods":
		if s.Forbidden[path[3]] {
			refuse(w, http.StatusForbidden, "Forbidden", `pods is forbidden: User "lab" cannot list resource "pods" in the namespace "`+path[3]+`"`)
			return
		}
		answer(w, s.podList(path[3], r))
	case len(path) >= 6 && path[2] == "namespaces" && path[4] == "pods":
		pod := s.pod(path[3], path[5])
		switch {
		case pod == nil:
			refuse(w, http.StatusNotFound, "NotFound", `pods "`+path[5]+`" not found`)
		case len(path) == 6:
			answer(w, pod.object())
		case path[6] == "exec":
			pod.exec(w, r)
		}
	default:
		refuse(w, http.StatusNotFound, "NotFound", r.URL.Path+" not found")
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, code int, reason, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": text})
}

func (s *Server) nodeList() object {
	items := []any{}
	for _, n := range s.Nodes {
		items = append(items, object{"apiVersion": "v1", "kind": "Node", "metadata": object{"name": n.Name, "labels": n.Labels, "annotations": n.Annotations}})
	}
	return object{"kind": "NodeList", "apiVersion": "v1", "metadata": object{"resourceVersion": "1"}, "items": items}
}

// podList answers with the pods of a namespace that have one label and are on one node, as the
// request asks.
func (s *Server) podList(namespace string, r *http.Request) object {
	items := []any{}
	label, value, _ := strings.Cut(r.URL.Query().Get("labelSelector"), "=")
	node, byNode := strings.CutPrefix(r.URL.Query().Get("fieldSelector"), "spec.nodeName=")
	for i := range s.Pods {
		p := &s.Pods[i]
		if p.Namespace == namespace && (label == "" || p.Labels[label] == value) && (!byNode || p.Node == node) {
			items = append(items, p.object())
		}
	}
	return object{"kind": "PodList", "apiVersion": "v1", "metadata": object{"resourceVersion": "1"}, "items": items}
}

func (s *Server) pod(namespace, name string) *Pod {
	for i := range s.Pods {
		if p := &s.Pods[i]; p.Namespace == namespace && p.Name == name {
			return p
		}
	}
	return nil
}

func (p *Pod) object() object {
	var containers, statuses []any
	for _, c := range p.Containers {
		containers = append(containers, object{"name": c.Name, "image": "x", "securityContext": object{"privileged": c.Privileged}})
		state := object{"running": object{}}
		if c.Stopped {
			state = object{"waiting": object{"reason": "CrashLoopBackOff"}}
		}
		statuses = append(statuses, object{"name": c.Name, "ready": !c.Stopped, "restartCount": 0, "image": "x", "imageID": "", "state": state})
	}
	return object{"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": p.Name, "namespace": p.Namespace, "labels": p.Labels},
		"spec": object{"nodeName": p.Node, "containers": containers}, "status": object{"phase": "Running", "containerStatuses": statuses}}
}

// exec runs a command in a container, on streams of the protocol that the client asks for.
func (p *Pod) exec(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	run := func(stdin io.Reader, stdout, stderr io.Writer) object {
		argv := append(append([]string{}, p.Enter...), q["command"]...)
		cmd := exec.CommandContext(r.Context(), argv[0], argv[1:]...)
		cmd.Stdout, cmd.Stderr = stdout, stderr
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err == nil {
			go func() { // ends with the stream
				_, _ = io.Copy(in, stdin)
				in.Close()
			}()
			err = cmd.Wait()
		}
		return status(err)
	}
	switch {
	case q.Get("stdin") != "true" || q.Get("stdout") != "true":
		refuse(w, http.StatusBadRequest, "BadRequest", "this server runs commands with standard input only")
	case strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		overWebSocket(w, r, run)
	default:
		overSPDY(w, r, q.Get("stderr") == "true", run)
	}
}

// status is what the error stream says of a command's end.
func status(err error) object {
	s := object{"kind": "Status", "apiVersion": "v1", "metadata": object{}, "status": "Success"}
	if err == nil {
		return s
	}
	s["status"], s["message"], s["reason"], s["code"] = "Failure", err.Error(), "InternalError", 500
	if ee, ok := err.(*exec.ExitError); ok {
		s["reason"] = "NonZeroExitCode"
		s["message"] = "command terminated with non-zero exit code: " + err.Error()
		s["details"] = object{"causes": []any{object{"reason": "ExitCode", "message": fmt.Sprint(ee.ExitCode())}}}
	}
	return s
}
