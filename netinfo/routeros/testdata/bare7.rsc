# 2025-03-01 10:00:00 by RouterOS 7.19
# software id = AAAA-AAAA
#
# model = hEX
# serial number = 000000000000
/interface bridge
add name=lan
/interface bridge port
add bridge=lan interface=ether2
add bridge=lan interface=ether3
/ip address
add address=203.0.113.2/30 interface=ether1 network=203.0.113.0
add address=192.168.1.1/24 interface=lan network=192.168.1.0
/ip dns
set servers=192.0.2.53
/ip firewall nat
add action=masquerade chain=srcnat out-interface=ether1
/ip route
add gateway=203.0.113.1
