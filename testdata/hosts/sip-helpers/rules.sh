# The rules of which the other files of this folder are listings (Debian 12:
# iptables 1.8.9, nftables 1.0.6, Linux 6.18, in a network namespace).
set -e
iptables-legacy -t raw -A PREROUTING -p udp -m udp --dport 53 -j CT --notrack
iptables-legacy -t raw -A PREROUTING -i eth1 -p udp -m udp --dport 5060 -m comment --comment "don't touch \$(phones)" -j CT --helper sip
iptables-legacy -t raw -A PREROUTING -p udp -m udp --dport 69 -j CT --notrack
iptables-legacy -t raw -A OUTPUT -p tcp -m tcp --dport 5060 -j CT --helper sip
iptables-nft -t raw -A PREROUTING -p udp -m multiport --dports 5060,5080 -j CT --helper sip
ip6tables-nft -t raw -N voip
ip6tables-nft -t raw -A PREROUTING -p udp -j voip
ip6tables-nft -t raw -A voip -p udp -m udp --dport 5060 -j CT --helper sip
nft -f - <<X
table inet office {
  ct helper sip-udp { type "sip" protocol udp; l3proto inet; }
  ct helper sip-tcp { type "sip" protocol tcp; l3proto inet; }
  ct helper ftp-std { type "ftp" protocol tcp; l3proto inet; }
  chain pre { type filter hook prerouting priority -150; policy accept;
    ct state invalid drop
    udp dport { 5060, 5080 } counter ct helper set "sip-udp" comment "the phones"
    tcp dport 21 ct helper set "ftp-std"
    iifname "eth1" tcp dport 5060 ct helper set "sip-tcp"
  }
  chain mapped { type filter hook output priority -150; policy accept;
    ct helper set meta l4proto . th dport map { tcp . 5060 : "sip-tcp", udp . 5060 : "sip-udp", tcp . 21 : "ftp-std" }
  }
  chain watch { ct helper "sip" counter accept
  }
}
X
