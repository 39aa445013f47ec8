package kube

import "slices"

// item is a pod or a node: what is read of it.
type item struct {
	Metadata struct {
		Name        string            `json:"name"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Containers []container `json:"containers"`
	} `json:"spec"`
	Status struct {
		Phase             string            `json:"phase"`
		ContainerStatuses []containerStatus `json:"containerStatuses"`
	} `json:"status"`
}

type container struct {
	Name            string `json:"name"`
	SecurityContext struct {
		Privileged   bool `json:"privileged"`
		Capabilities struct {
			Add []string `json:"add"`
		} `json:"capabilities"`
	} `json:"securityContext"`
}

type containerStatus struct {
	Name  string `json:"name"`
	State struct {
		Running *struct{} `json:"running"`
	} `json:"state"`
}

// mayRead reports whether a container is allowed to read conntrack.
func (c *container) mayRead() bool {
	add := c.SecurityContext.Capabilities.Add
	return c.SecurityContext.Privileged || slices.Contains(add, "NET_ADMIN") || slices.Contains(add, "CAP_NET_ADMIN") || slices.Contains(add, "ALL")
}

// chassis reports whether a node is annotated with a chassis: by OVN-Kubernetes, or by kube-ovn.
func (n *item) chassis(name string) bool {
	a := n.Metadata.Annotations
	return name != "" && (a["k8s.ovn.org/node-chassis-id"] == name || a["ovn.kubernetes.io/chassis"] == name)
}
