package ovncttrace_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/ovn-ct-trace/ovn-ct-trace"
)

// The examples run on a deployment of one chassis, this machine, with the ports client and web on
// one switch, a load balancer 30.0.0.1:80 of web:8080, and an ACL no-ssh that drops.

// Where does a packet end, and what decides?
func ExampleDeployment_Trace() {
	ctx := context.Background()
	d, err := ovncttrace.Open(ctx, ovncttrace.Options{}) // from OVN_SB_DB, OVN_NB_DB and OVS_RUNDIR
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	for _, to := range []string{"web:80/tcp", "web:22/tcp"} {
		r, err := d.Trace(ctx, ovncttrace.Question{From: "client", To: to})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(to, r.Verdict, r.Delivered("web"), r.DroppedBy("ACL", "no-ssh"))
	}
	// Output:
	// web:80/tcp delivered true false
	// web:22/tcp dropped false true
}

// Is a connection established, through the load balancer and back?
func ExampleDeployment_Session() {
	ctx := context.Background()
	d, err := ovncttrace.Open(ctx, ovncttrace.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	r, err := d.Session(ctx, ovncttrace.Question{From: "client", To: "30.0.0.1:80/tcp"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("established:", r.Established())
	for _, p := range r.Packets {
		b := p.Branches[0]
		fmt.Printf("%s to %s: %s:%d > %s:%d\n", p.Label, b.End.Port, b.Header.IPSrc, *b.Header.L4Src, b.Header.IPDst, *b.Header.L4Dst)
	}
	// Output:
	// established: true
	// SYN to web: 10.0.0.3:46982 > 10.0.0.4:8080
	// SYN-ACK to client: 30.0.0.1:80 > 10.0.0.3:46982
	// ACK to web: 10.0.0.3:46982 > 10.0.0.4:8080
}

// Is the question wrong, or is something unreachable?
func ExampleError() {
	ctx := context.Background()
	d, err := ovncttrace.Open(ctx, ovncttrace.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	_, err = d.Trace(ctx, ovncttrace.Question{From: "client", Microflow: "ip4.dst == 10.0.0.4 && tcp && udp"})
	var e *ovncttrace.Error
	if errors.As(err, &e) && e.Kind == ovncttrace.BadInput {
		fmt.Println(e)
		fmt.Println(e.Mark)
		fmt.Println(e.Hint)
	}
	_, err = ovncttrace.Open(ctx, ovncttrace.Options{SB: "tcp:127.0.0.1:1"})
	if errors.As(err, &e) {
		fmt.Println(e.Kind)
	}
	// Output:
	// microflow: Constraints are contradictory
	// ip4.dst == 10.0.0.4 && tcp && udp
	//                               ^
	// tcp and udp cannot both hold
	// unreachable
}
