package mustgather

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// pods is the namespace of the pods that the databases are named after.
const pods = "openshift-ovn-kubernetes"

// isObject reports whether a name is that of an object that is read, or of a list of them: a node,
// or a pod of OVN-Kubernetes.
func isObject(name string) bool {
	if path.Ext(name) != ".yaml" {
		return false
	}
	return strings.Contains("/"+name, "/cluster-scoped-resources/core/nodes") || strings.Contains("/"+name, "/namespaces/"+pods+"/core/pods.yaml") ||
		strings.Contains("/"+name, "/namespaces/"+pods+"/pods/")
}

// isClock reports whether a name is that of the file with the times of the collection.
func isClock(name string) bool { return path.Base(name) == "timestamp" }

// objects are what the Kubernetes objects say of the nodes.
type objects struct {
	nodeOf map[string]string // of a pod of OVN-Kubernetes
	nodes  []string
}

// object is what is read of an object, or of a list.
type object struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Spec     struct {
		NodeName string `yaml:"nodeName"`
	}
	Items []object
}

// maxObjects bounds the size in bytes of a file with objects, and their number. An object of a pod
// has some 30 kB.
const (
	maxObjects = 64 << 20
	maxNodes   = 100_000
)

// objects reads the objects. A file that is no YAML says nothing.
func (r *reader) objects() objects {
	o := objects{nodeOf: map[string]string{}}
	for _, name := range r.tree.Names() {
		if !isObject(name) || r.tree.Size(name) > maxObjects {
			continue
		}
		in, err := r.tree.Open(name)
		if err != nil {
			continue
		}
		one, err := readObject(io.LimitReader(in, maxObjects))
		in.Close()
		if err != nil {
			r.notes = append(r.notes, fmt.Sprintf("%.200q: %.200v", name, err))
			continue
		}
		for _, item := range append(one.Items, one) {
			o.add(item)
		}
	}
	slices.Sort(o.nodes)
	o.nodes = slices.Compact(o.nodes)
	return o
}

func readObject(in io.Reader) (o object, err error) {
	err = yaml.NewDecoder(in).Decode(&o)
	if err != nil {
		return object{}, err
	}
	return o, nil
}

func (o *objects) add(item object) {
	switch {
	case item.Metadata.Name == "" || len(o.nodes)+len(o.nodeOf) > maxNodes:
	case item.Kind == "Node":
		o.nodes = append(o.nodes, item.Metadata.Name)
	case item.Kind == "Pod" && item.Metadata.Namespace == pods && item.Spec.NodeName != "":
		o.nodeOf[item.Metadata.Name] = item.Spec.NodeName
	}
}

// node returns the name of the node of a zone, which is named after a pod: the zone's own if no
// object says it.
func (o *objects) node(zone string) string {
	if n := o.nodeOf[zone]; n != "" {
		return n
	}
	return zone
}

// lacking says of which nodes there is no database, where each node has its own.
func (o *objects) lacking(zones []string) []string {
	have := map[string]bool{}
	for _, z := range zones {
		if n := o.nodeOf[z]; n != "" {
			have[n] = true
		}
	}
	var lack []string
	for _, n := range o.nodes {
		if !have[n] {
			lack = append(lack, n)
		}
	}
	if len(have) == 0 || len(lack) == 0 {
		return nil
	}
	const most = 10
	more := ""
	if len(lack) > most {
		more = fmt.Sprintf(" and %d more", len(lack)-most)
		lack = lack[:most]
	}
	return []string{"the must-gather has no databases of the nodes " + strings.Join(lack, ", ") + more}
}

// stamp is a time as must-gather writes it, in the way of Go.
var stamp = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4})`)

// clock returns when the collection began and ended; zero if it is not said.
func (r *reader) clock() (began, ended time.Time) {
	for _, name := range r.tree.Names() {
		if !isClock(name) {
			continue
		}
		in, err := r.tree.Open(name)
		if err != nil {
			continue
		}
		s := bufio.NewScanner(io.LimitReader(in, 64<<10))
		for s.Scan() {
			m := stamp.FindString(s.Text())
			at, err := time.Parse("2006-01-02 15:04:05.999999999 -0700", m)
			if err != nil {
				continue
			}
			if began.IsZero() || at.Before(began) {
				began = at
			}
			if at.After(ended) {
				ended = at
			}
		}
		in.Close()
	}
	return began, ended
}
