package ovntest

// Topology is a small network with most Northbound features: two switches
// behind a router with a distributed gateway port, a load balancer, ACLs,
// NAT, routes, policies, QoS and DHCP. Ports sw0-p1 and sw0-p2 are on sw0, sw1-p1 on sw1.
const Topology = `
ls-add sw0
lsp-add sw0 sw0-p1
lsp-set-addresses sw0-p1 '50:54:00:00:00:01 10.0.0.3 fd00::3'
lsp-add sw0 sw0-p2
lsp-set-addresses sw0-p2 '50:54:00:00:00:02 10.0.0.4'
set logical_switch_port sw0-p2 external_ids:neutron\:device_id=0f4dcb8e-1d10-4cd6-93d2-000000000001 external_ids:pod=blue/web
lsp-add sw0 sw0-any
lsp-set-addresses sw0-any unknown
ls-add sw1
lsp-add sw1 sw1-p1
lsp-set-addresses sw1-p1 '40:54:00:00:00:03 20.0.0.3 fd20::3'
lsp-add sw1 blue_web-2
lsp-set-addresses blue_web-2 '40:54:00:00:00:04 20.0.0.4'
lr-add lr0
lrp-add lr0 lr0-sw0 00:00:00:00:ff:01 10.0.0.1/24 fd00::1/64
lsp-add sw0 sw0-lr0
lsp-set-type sw0-lr0 router
lsp-set-addresses sw0-lr0 router
lsp-set-options sw0-lr0 router-port=lr0-sw0
lrp-add lr0 lr0-sw1 00:00:00:00:ff:02 20.0.0.1/24 fd20::1/64
lsp-add sw1 sw1-lr0
lsp-set-type sw1-lr0 router
lsp-set-addresses sw1-lr0 router
lsp-set-options sw1-lr0 router-port=lr0-sw1
ls-add public
lsp-add public ln-public
lsp-set-type ln-public localnet
lsp-set-addresses ln-public unknown
lsp-set-options ln-public network_name=physnet1
lrp-add lr0 lr0-public 00:00:20:20:12:13 172.16.0.100/24
lsp-add public public-lr0
lsp-set-type public-lr0 router
lsp-set-addresses public-lr0 router
lsp-set-options public-lr0 router-port=lr0-public
lrp-set-gateway-chassis lr0-public hv1 20
lrp-set-gateway-chassis lr0-public hv2 10
lr-nat-add lr0 snat 172.16.0.100 10.0.0.0/24
lr-nat-add lr0 dnat_and_snat 172.16.0.110 10.0.0.3 sw0-p1 30:54:00:00:00:03
lr-route-add lr0 0.0.0.0/0 172.16.0.1
lr-policy-add lr0 100 'ip4.src == 10.0.0.4' drop
lb-add lb0 30.0.0.10:80 20.0.0.3:80,20.0.0.4:80 tcp
ls-lb-add sw0 lb0
lr-lb-add lr0 lb0
pg-add pg0 sw0-p1
create address_set name=as0 addresses="10.0.0.3","10.0.0.4"
--name=web-in --log acl-add sw1 to-lport 1001 'outport == "sw1-p1" && tcp.dst == 80' allow-related
--name=no-ssh acl-add sw1 to-lport 1002 'outport == "sw1-p1" && tcp.dst == 22' drop
acl-add sw1 to-lport 900 'outport == "sw1-p1" && ip' drop
acl-add pg0 from-lport 1001 'inport == @pg0 && ip4' allow-related
qos-add sw0 from-lport 100 'inport == "sw0-p1"' rate=1000 dscp=11
set nb_global . options:use_logical_dp_groups=true
`
