// SPDX-License-Identifier: MIT
//
// Tell of each port that opens or closes, through one ring buffer.
//
//	TCP	opens at listen() and closes when it leaves LISTEN	on_tcp, on_release
//	UDP	opens at bind() and closes at the last close()		on_bind*, on_release
//
// All programs attach to the root of the cgroup v2 tree, so they see the sockets
// of everybody, and tell of those in the reader's network namespace. They read
// stable contexts only: no kernel structure, hence no relocation. They must
// return 1: 0 would refuse the bind.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define TCP 6
#define UDP 17
#define INET 2

enum { OPEN = 1, CLOSE = 2 };

// libbpf sets it when it loads.
extern int LINUX_KERNEL_VERSION __kconfig;

struct port_event {		// read and written by record.py
	__u64 time;		// CLOCK_MONOTONIC, ns
	__u64 cookie;		// the socket's identity: sk: in `ss -e`
	__u32 address[4];	// network order; IPv4 in the first word
	char comm[16];		// of the process that bound it
	__u32 pid;		// likewise, in the first PID namespace; 0 if unknown
	__u16 port;
	__u8 kind, protocol, family;
	__u8 pad[7];
};

struct {			// shared with stream.py
	__u64 probe;		// the cookie of a socket of the reader's own
	__u64 here;		// the network namespace in which that was bound
	__u64 lost;		// how many events found no room
} state;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 128 * 1024);
} events SEC(".maps");

// TCP sockets that are bound and don't listen, by cookie. Most of them never will:
// clients bind too. So the oldest make room.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct port_event);
} bound SEC(".maps");

// Sockets that hold a port, by cookie. Nothing here makes room, or their end would not be told.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct port_event);
} open SEC(".maps");

static __always_inline void tell(struct port_event *event, __u8 kind)
{
	event->kind = kind;
	event->time = bpf_ktime_get_ns();
	if (bpf_ringbuf_output(&events, event, sizeof(*event), 0))
		__sync_fetch_and_add(&state.lost, 1);
}

static __always_inline void opened(struct port_event *event)
{
	if (bpf_map_update_elem(&open, &event->cookie, event, BPF_ANY))
		__sync_fetch_and_add(&state.lost, 1);	// its close will not be told
	tell(event, OPEN);
}

// What nobody opened is told not at all: a client's socket, or one of elsewhere.
static __always_inline int closed(__u64 cookie, struct port_event *event)
{
	struct port_event *known = bpf_map_lookup_elem(&open, &cookie);

	if (!known)
		return 0;
	*event = *known;
	if (bpf_map_delete_elem(&open, &cookie))
		return 0;	// another CPU saw its end, too
	tell(event, CLOSE);
	return 1;
}

static __always_inline int bind(struct bpf_sock *sk, struct port_event *event)
{
	__u64 netns = bpf_get_netns_cookie(sk);

	event->cookie = bpf_get_socket_cookie(sk);
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->port = sk->src_port;
	event->protocol = sk->protocol;
	event->family = sk->family;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	if (event->cookie == state.probe) {
		state.here = netns;
		tell(event, OPEN);
	} else if (netns == state.here) {
		if (sk->protocol == UDP)
			opened(event);
		else if (sk->protocol == TCP)
			bpf_map_update_elem(&bound, &event->cookie, event, BPF_ANY);
	}
	return 1;
}

SEC("cgroup/post_bind4")
int on_bind4(struct bpf_sock *sk)
{
	struct port_event event = { .address = { sk->src_ip4 } };

	return bind(sk, &event);
}

SEC("cgroup/post_bind6")
int on_bind6(struct bpf_sock *sk)
{
	struct port_event event = {
		.address = { sk->src_ip6[0], sk->src_ip6[1], sk->src_ip6[2], sk->src_ip6[3] },
	};

	return bind(sk, &event);
}

// listen() without bind(): it chose the port, and nobody told whose it is.
static __always_inline int unbound(struct bpf_sock_ops *sk, struct port_event *event)
{
	// Before Linux 5.15 the namespace can't be told here.
	if (LINUX_KERNEL_VERSION < KERNEL_VERSION(5, 15, 0) || bpf_get_netns_cookie(sk) != state.here)
		return 0;
	event->protocol = TCP;
	event->family = sk->family;
	event->port = sk->local_port;
	if (sk->family == INET) {
		event->address[0] = sk->local_ip4;
	} else {
		event->address[0] = sk->local_ip6[0];
		event->address[1] = sk->local_ip6[1];
		event->address[2] = sk->local_ip6[2];
		event->address[3] = sk->local_ip6[3];
	}
	return 1;
}

SEC("sockops")
int on_tcp(struct bpf_sock_ops *sk)
{
	struct port_event event = {}, *known;
	__u64 cookie;

	if (sk->op == BPF_SOCK_OPS_STATE_CB && sk->args[0] == BPF_TCP_LISTEN) {
		cookie = bpf_get_socket_cookie(sk);
		if (closed(cookie, &event))	// by shutdown(): it may listen again
			bpf_map_update_elem(&bound, &cookie, &event, BPF_ANY);
	}
	if (sk->op != BPF_SOCK_OPS_TCP_LISTEN_CB)
		return 1;

	cookie = bpf_get_socket_cookie(sk);
	known = bpf_map_lookup_elem(&bound, &cookie);
	if (known) {
		event = *known;
		bpf_map_delete_elem(&bound, &cookie);
	} else {
		event.cookie = cookie;
		if (!unbound(sk, &event))
			return 1;
	}
	bpf_sock_ops_cb_flags_set(sk, sk->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
	opened(&event);
	return 1;
}

SEC("cgroup/sock_release")
int on_release(struct bpf_sock *sk)
{
	__u64 cookie = bpf_get_socket_cookie(sk);
	struct port_event event;

	closed(cookie, &event);
	if (sk->protocol == TCP)
		bpf_map_delete_elem(&bound, &cookie);
	return 1;
}

char LICENSE[] SEC("license") = "MIT";
