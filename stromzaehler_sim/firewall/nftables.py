"""The rules for the kernel's firewall (nftables), as text: outwards to the operator, inwards nothing.

The rules are for a machine, a container or a network namespace that is a meter's own: everything else on it loses
its network, too. Decisions:

- Default drop in all three directions; forwarding never happens.
- Outwards, new connections go to the operator's addresses and ports (TCP) and to the name servers (port 53).
- Inwards only what belongs to a connection that we began, with the ICMP errors about it ("related"), without
  which a path with a smaller MTU would swallow large packets.
- Loopback: what comes in from "lo" went out through the rules of this same table, so it is accepted there;
  outwards "lo" has no privilege. A resolver on 127.0.0.53 works because it is a name server, not because it is
  local.
- IPv6 does not work without neighbour discovery (RFC 4861, RFC 4890 section 4.4): only with hop limit 255, which
  no router passes on. Multicast listener reports (RFC 3810) go out, because switches ask for them.
- Refused packets are counted, and ten a minute are logged: a log that can be flooded is a weakness of its own.
- Outwards a refusal is answered to our own program, so that it knows at once; inwards there is silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from stromzaehler_sim.firewall.ziele import Ziel

TABELLE = "stromzaehler"

_DHCP_EIN = """
        # DHCP client (RFC 2131, RFC 8415)
        udp sport 67 udp dport 68 counter accept
        ip6 saddr fe80::/10 udp sport 547 udp dport 546 counter accept
"""
_DHCP_AUS = """
        # DHCP client (RFC 2131, RFC 8415)
        udp sport 68 udp dport 67 counter accept
        ip6 daddr ff02::1:2 udp sport 546 udp dport 547 counter accept
"""
_VORLAGE = """\
#!/usr/sbin/nft -f
# Firewall of a meter: outwards to its operator, inwards nothing.
# Check: nft -c -f FILE                     Load:   nft -f FILE
# Look:  nft list table inet {tabelle}   Remove: nft delete table inet {tabelle}
{woher}#
# Loading twice replaces the table in one transaction; there is no moment without rules.
table inet {tabelle}
delete table inet {tabelle}

table inet {tabelle} {{
{mengen}
    chain eingang {{
        type filter hook input priority filter; policy drop;

        # Answers to what we began, and ICMP errors about it
        ct state established,related counter accept
        # It went out through the chain below, and that one decided
        iif "lo" counter accept
        # IPv6 neighbour discovery, from this link only
        icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert }} ip6 hoplimit 255 counter accept
{dhcp_ein}
        limit rate 10/minute burst 10 packets log prefix "{tabelle} eingang: " level warn
        counter drop comment "abgewiesen"
    }}

    chain ausgang {{
        type filter hook output priority filter; policy drop;

        ct state established,related counter accept
        # The operator: device listener and enrolment
        ip daddr . tcp dport @betreiber4 ct state new counter accept comment "betreiber"
        ip6 daddr . tcp dport @betreiber6 ct state new counter accept comment "betreiber"
        # The name servers of this machine
        ip daddr @namen4 meta l4proto {{ tcp, udp }} th dport 53 ct state new counter accept comment "dns"
        ip6 daddr @namen6 meta l4proto {{ tcp, udp }} th dport 53 ct state new counter accept comment "dns"
        # IPv6 neighbour discovery, on this link only
        icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} ip6 hoplimit 255 counter accept
        icmpv6 type nd-router-solicit ip6 hoplimit 255 counter accept
        icmpv6 type mld2-listener-report ip6 hoplimit 1 counter accept
{dhcp_aus}
        limit rate 10/minute burst 10 packets log prefix "{tabelle} ausgang: " level warn
        counter reject with icmpx type admin-prohibited comment "abgewiesen"
    }}

    chain weiterleitung {{
        type filter hook forward priority filter; policy drop;
    }}
}}
"""


def build_rules(
    betreiber: Sequence[Ziel], resolver: Sequence[str], *, dhcp: bool = False, woher: Sequence[str] = ()
) -> str:
    """The rule file. ``betreiber`` holds addresses, not names; ``woher`` are lines for the comment at its top.

    Raises ValueError for what is no address.
    """
    ziele = [(ip_address(ziel.host), ziel.port) for ziel in betreiber]
    namen = [ip_address(text) for text in resolver]
    mengen = ""
    for version, art in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        paare = [f"{adresse} . {port}" for adresse, port in ziele if adresse.version == version]
        server = [str(adresse) for adresse in namen if adresse.version == version]
        mengen += _menge(f"betreiber{version}", f"{art} . inet_service", paare)
        mengen += _menge(f"namen{version}", art, server)
    return _VORLAGE.format(
        tabelle=TABELLE,
        woher="".join(f"# {_printable(zeile)}\n" for zeile in woher),
        mengen=mengen,
        dhcp_ein=_DHCP_EIN if dhcp else "",
        dhcp_aus=_DHCP_AUS if dhcp else "",
    )


def _menge(name: str, art: str, elemente: Sequence[str]) -> str:
    inhalt = f"        elements = {{ {', '.join(elemente)} }}\n" if elemente else ""
    return f"    set {name} {{\n        type {art}\n{inhalt}    }}\n"


def _printable(zeile: str) -> str:
    """A comment ends with its line; a name from a file must not go on behind it."""
    return "".join(zeichen if zeichen.isprintable() else "?" for zeichen in zeile)
