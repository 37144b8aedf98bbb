# SPDX-License-Identifier: Apache-2.0
"""The binary API messages that the simulated VPP knows, as a table of facts.

VPP serves its own message definitions to its clients, and a client looks a message up by name and
CRC; so names, CRCs, field order and types here are those of VPP 26.10 and 26.06.  There is no
state; look at TABLE for the facts and at `api_json` for the form in which clients get them.

A line of TABLE is `kind name rest`, continued by indented lines; a field is `type:name`, with
`type[n]` for a fixed and `type[field]` for a counted array, and `=n` for a default.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast, get_args

Version = Literal["26.10", "26.06"]
Kind = Literal["alias", "enum", "union", "type", "message", "named"]

NEW_IN_26_10 = frozenset(
    name + suffix
    for name in ("lb_conf_get", "lb_add_del_as_v2", "lb_as_set_weight", "lb_as_v2")
    for suffix in ("", "_reply", "_dump", "_details")
)

TABLE = """
module memclnt 2.1.0
type module_version u32:major u32:minor u32:patch string[64]:name
type message_table_entry u16:index string[64]:name
named memclnt_create 9c5e1c2f
named memclnt_create_reply 42ec4560
named memclnt_delete 7e1c04e3
named memclnt_delete_reply 3d3b6312
named rx_thread_exit c3a3a452
named memclnt_rx_thread_suspend c3a3a452
named memclnt_read_timeout c3a3a452
named rpc_call 7e8a2c95
named rpc_call_reply e8d4e804
named get_first_msg_id ebf79a66
named get_first_msg_id_reply 7d337472
message api_versions 51077d14
message api_versions_reply 5f0d99d6 i32:retval u32:count module_version[count]:api_versions
named trace_plugin_msg_ids f476d3ce
message sockclnt_create 455fb9c4 string[64]:name
message sockclnt_create_reply 35166268 i32:response u32:index u16:count
    message_table_entry[count]:message_table
message sockclnt_delete 8ac76db6 u32:index
message sockclnt_delete_reply 8f38b1ee i32:response
named sock_init_shm 51646d92
named sock_init_shm_reply e8d4e804
message memclnt_keepalive 51077d14
message memclnt_keepalive_reply e8d4e804 i32:retval
message control_ping 51077d14
message control_ping_reply f6b0b8ca i32:retval u32:client_index u32:vpe_pid
named memclnt_create_v2 c4bd4882
named memclnt_create_v2_reply 42ec4560
message get_api_json 51077d14
message get_api_json_reply ea715b59 i32:retval string:json

module vlib 1.0.0
message cli_inband f8377302 string:cmd
message cli_inband_reply 05879051 i32:retval string:reply

module vpe 1.7.0
message show_version 51077d14
message show_version_reply c919bde1 i32:retval string[32]:program string[32]:version
    string[32]:build_date string[256]:build_directory

module ip_types 3.0.0
alias ip4_address u8[4]
alias ip6_address u8[16]
enum address_family u8 ADDRESS_IP4=0 ADDRESS_IP6=1
union address_union ip4_address:ip4 ip6_address:ip6
type address address_family:af address_union:un
type prefix address:address u8:len
alias address_with_prefix prefix
type prefix_matcher u8:le u8:ge
enum ip_proto u8 IP_API_PROTO_HOPOPT=0 IP_API_PROTO_ICMP=1 IP_API_PROTO_IGMP=2 IP_API_PROTO_TCP=6
    IP_API_PROTO_UDP=17 IP_API_PROTO_GRE=47 IP_API_PROTO_ESP=50 IP_API_PROTO_AH=51
    IP_API_PROTO_ICMP6=58 IP_API_PROTO_EIGRP=88 IP_API_PROTO_OSPF=89 IP_API_PROTO_SCTP=132
    IP_API_PROTO_RESERVED=255
enum ip_dscp u8 IP_API_DSCP_CS0=0 IP_API_DSCP_CS1=8 IP_API_DSCP_AF11=10 IP_API_DSCP_AF12=12
    IP_API_DSCP_AF13=14 IP_API_DSCP_CS2=16 IP_API_DSCP_AF21=18 IP_API_DSCP_AF22=20
    IP_API_DSCP_AF23=22 IP_API_DSCP_CS3=24 IP_API_DSCP_AF31=26 IP_API_DSCP_AF32=28
    IP_API_DSCP_AF33=30 IP_API_DSCP_CS4=32 IP_API_DSCP_AF41=34 IP_API_DSCP_AF42=36
    IP_API_DSCP_AF43=38 IP_API_DSCP_CS5=40 IP_API_DSCP_EF=46 IP_API_DSCP_CS6=48
    IP_API_DSCP_CS7=50

module fib_types 2.0.1
enum fib_path_nh_proto u32 FIB_API_PATH_NH_PROTO_IP4=0 FIB_API_PATH_NH_PROTO_IP6=1
    FIB_API_PATH_NH_PROTO_MPLS=2 FIB_API_PATH_NH_PROTO_ETHERNET=3 FIB_API_PATH_NH_PROTO_BIER=4
enum fib_path_flags u32 FIB_API_PATH_FLAG_NONE=0 FIB_API_PATH_FLAG_RESOLVE_VIA_ATTACHED=1
    FIB_API_PATH_FLAG_RESOLVE_VIA_HOST=2 FIB_API_PATH_FLAG_POP_PW_CW=4
enum fib_path_type u32 FIB_API_PATH_TYPE_NORMAL=0 FIB_API_PATH_TYPE_LOCAL=1
    FIB_API_PATH_TYPE_DROP=2 FIB_API_PATH_TYPE_UDP_ENCAP=3 FIB_API_PATH_TYPE_BIER_IMP=4
    FIB_API_PATH_TYPE_ICMP_UNREACH=5 FIB_API_PATH_TYPE_ICMP_PROHIBIT=6
    FIB_API_PATH_TYPE_SOURCE_LOOKUP=7 FIB_API_PATH_TYPE_DVR=8 FIB_API_PATH_TYPE_INTERFACE_RX=9
    FIB_API_PATH_TYPE_CLASSIFY=10
type fib_mpls_label u8:is_uniform u32:label u8:ttl u8:exp
type fib_path_nh address_union:address u32:via_label u32:obj_id u32:classify_table_index
type fib_path u32:sw_if_index u32:table_id u32:rpf_id u8:weight u8:preference fib_path_type:type
    fib_path_flags:flags fib_path_nh_proto:proto fib_path_nh:nh u8:n_labels
    fib_mpls_label[16]:label_stack

module ip 3.2.0
type ip_route u32:table_id u32:stats_index prefix:prefix u8:n_paths fib_path[n_paths]:paths
message ip_route_lookup 710d6471 u32:table_id u8:exact prefix:prefix
message ip_route_lookup_reply 5d8febcb i32:retval ip_route:route

module lb_types 1.0.0
enum lb_srv_type u32 LB_API_SRV_TYPE_CLUSTERIP=0 LB_API_SRV_TYPE_NODEPORT=1 LB_API_SRV_N_TYPES=2
enum lb_encap_type u32 LB_API_ENCAP_TYPE_GRE4=0 LB_API_ENCAP_TYPE_GRE6=1
    LB_API_ENCAP_TYPE_L3DSR=2 LB_API_ENCAP_TYPE_NAT4=3 LB_API_ENCAP_TYPE_NAT6=4
    LB_API_ENCAP_N_TYPES=5
type lb_vip address_with_prefix:pfx ip_proto:protocol u16:port

module lb 1.2.0
message lb_conf 56cd3261 ip4_address:ip4_src_address ip6_address:ip6_src_address
    u32:sticky_buckets_per_core=4294967295 u32:flow_timeout=4294967295
message lb_conf_reply e8d4e804 i32:retval
message lb_conf_get 51077d14
message lb_conf_get_reply 923427ac i32:retval ip4_address:ip4_src_address
    ip6_address:ip6_src_address u32:sticky_buckets_per_core u32:flow_timeout
message lb_add_del_vip 6fa569c7 address_with_prefix:pfx u8:protocol=255 u16:port
    lb_encap_type:encap u8:dscp lb_srv_type:type u16:target_port u16:node_port
    u32:new_flows_table_length=1024 bool:is_del
message lb_add_del_vip_reply e8d4e804 i32:retval
message lb_add_del_vip_v2 7c520e0f address_with_prefix:pfx u8:protocol=255 u16:port
    lb_encap_type:encap u8:dscp lb_srv_type:type u16:target_port u16:node_port
    u32:new_flows_table_length=1024 bool:src_ip_sticky bool:is_del
message lb_add_del_vip_v2_reply e8d4e804 i32:retval
message lb_add_del_as 35d72500 address_with_prefix:pfx u8:protocol=255 u16:port
    address:as_address bool:is_del bool:is_flush
message lb_add_del_as_reply e8d4e804 i32:retval
message lb_add_del_as_v2 2f1d3b0e address_with_prefix:pfx u8:protocol=255 u16:port
    address:as_address u8:weight=100 bool:is_del bool:is_flush
message lb_add_del_as_v2_reply e8d4e804 i32:retval
message lb_as_set_weight 2d89bdbd address_with_prefix:pfx u8:protocol=255 u16:port
    address:as_address u8:weight bool:is_flush
message lb_as_set_weight_reply e8d4e804 i32:retval
message lb_flush_vip 1063f819 address_with_prefix:pfx u8:protocol u16:port
message lb_flush_vip_reply e8d4e804 i32:retval
message lb_vip_dump 56110cb7 address_with_prefix:pfx prefix_matcher:pfx_matcher
    u8:protocol=255 u16:port
message lb_vip_details 1329ec9b lb_vip:vip lb_encap_type:encap ip_dscp:dscp
    lb_srv_type:srv_type u16:target_port u16:flow_table_length
message lb_as_dump 1063f819 address_with_prefix:pfx u8:protocol u16:port
message lb_as_details 8d24c29e lb_vip:vip address:app_srv u8:flags u32:in_use_since
message lb_as_v2_dump 1063f819 address_with_prefix:pfx u8:protocol u16:port
message lb_as_v2_details 90064aae lb_vip:vip address:app_srv u8:flags u32:in_use_since
    u8:weight u32:num_buckets
"""

_BASE = frozenset({"u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f64", "bool", "string"})
_FIELD = re.compile(r"(?P<type>\w+)(?:\[(?P<array>\w+)\])?:(?P<name>\w+)(?:=(?P<default>\d+))?")


@dataclass(frozen=True, slots=True)
class Field:
    """One field; `array` is empty, a number, or the name of the field that counts it."""

    type: str
    name: str
    array: str = ""
    default: int | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """One line of TABLE."""

    kind: Kind
    module: str
    name: str
    crc: str  # of messages, eight hexadecimal digits
    base: str  # of an alias (with its length) and of an enum
    values: tuple[tuple[str, int], ...]  # of an enum
    fields: tuple[Field, ...]


def definitions(version: Version) -> tuple[Definition, ...]:
    """Return what a VPP of this version knows, in the order of its message ids."""
    return tuple(one for one in _parse() if version == "26.10" or one.name not in NEW_IN_26_10)


def api_json(version: Version) -> str:
    """Return the definitions as the reply to `get_api_json` carries them.

    As with VPP, each module with messages comes with all the types that they need (and here with
    some more), and there are no modules of types alone.
    """
    known = definitions(version)
    types = [one for one in known if one.kind not in ("message", "named")]
    versions = dict(re.findall(r"^module (\w+) ([\d.]+)$", TABLE, re.MULTILINE))
    if version == "26.06":
        versions["lb"] = "1.1.0"
    modules = dict.fromkeys(one.module for one in known if one.kind == "message")
    return json.dumps(
        [
            _module_json(types, [one for one in known if one.module == name], versions[name])
            for name in modules
        ]
    )


def _parse() -> Iterator[Definition]:
    module = ""
    for line in TABLE.strip().replace("\n    ", " ").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "module":
            module = rest.split()[0]
        elif line:
            name, *words = rest.split()
            yield _definition(kind, module, name, words)


def _definition(word: str, module: str, name: str, words: list[str]) -> Definition:
    assert word in get_args(Kind), f"{word=} {name=}"
    kind = cast(Kind, word)
    crc = words.pop(0) if kind in ("message", "named") else ""
    base = words.pop(0) if kind in ("alias", "enum") else ""
    values = (
        tuple((word, int(value)) for word, value in (w.split("=") for w in words))
        if (kind == "enum")
        else ()
    )
    fields = tuple(_field(word) for word in words) if kind in ("type", "union", "message") else ()
    return Definition(kind, module, name, crc, base, values, _head(kind, name) + fields)


def _head(kind: str, name: str) -> tuple[Field, ...]:
    """Return the fields that every message begins with."""
    if kind != "message":
        return ()
    told = Field("u16", "_vl_msg_id"), Field("u32", "context")
    if name == "sockclnt_create" or (
        name.endswith(("_reply", "_details")) and name != "sockclnt_create_reply"
    ):
        return told
    return told[0], Field("u32", "client_index"), told[1]


def _field(word: str) -> Field:
    match = _FIELD.fullmatch(word)
    assert match, f"{word=}"
    default = match["default"]
    return Field(
        match["type"], match["name"], match["array"] or "", int(default) if default else None
    )


def _module_json(
    types: list[Definition], module: list[Definition], version: str
) -> dict[str, object]:
    def rows(kind: Kind) -> list[list[object]]:
        return [[one.name, *map(_field_json, one.fields)] for one in types if one.kind == kind]

    messages = [one for one in module if one.kind == "message"]
    return {
        "module": module[0].module,
        "options": {"version": version},
        "types": rows("type"),
        "unions": rows("union"),
        "enums": [
            [one.name, *map(list, one.values), {"enumtype": one.base}]
            for one in types
            if one.kind == "enum"
        ],
        "enumflags": [],
        "aliases": {one.name: _alias_json(one.base) for one in types if one.kind == "alias"},
        "messages": [
            [one.name, *map(_field_json, one.fields), {"crc": f"0x{one.crc}"}] for one in messages
        ],
        "services": dict(_services([one.name for one in messages])),
    }


def _services(names: list[str]) -> Iterator[tuple[str, dict[str, object]]]:
    for name in names:
        if name + "_reply" in names:
            yield name, {"reply": name + "_reply"}
        elif name.endswith("_dump"):
            yield name, {"reply": name.removesuffix("_dump") + "_details", "stream": True}


def _field_json(field: Field) -> list[object]:
    told: list[object] = [_type_name(field.type), field.name]
    if field.array.isdigit():
        told.append(int(field.array))
    elif field.array:
        told += [0, field.array]
    elif field.type == "string":
        told.append(0)
    if field.default is not None:
        told.append({"default": field.default})
    return told


def _alias_json(base: str) -> dict[str, object]:
    name, bracket, length = base.partition("[")
    told: dict[str, object] = {"type": _type_name(name)}
    return told | {"length": int(length.removesuffix("]"))} if bracket else told


def _type_name(name: str) -> str:
    return name if name in _BASE else f"vl_api_{name}_t"
