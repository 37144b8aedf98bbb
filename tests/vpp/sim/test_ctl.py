# SPDX-License-Identifier: Apache-2.0
"""The command line by which a person looks into the simulated VPP and tampers with it."""

import pytest

from maglev.vpp.sim import ctl

VIP = ("192.0.2.1/32", "tcp", "80")


@pytest.fixture
def run(vpp, monkeypatch, capsys):
    monkeypatch.setenv(ctl.ENVIRONMENT, str(vpp.control_path))

    def run(*words: str) -> str:
        monkeypatch.setattr("sys.argv", ["ctl", *words])
        ctl.main()
        return capsys.readouterr().out

    return run


def test_what_was_tampered_with_can_be_seen(run):
    run("add-vip", *VIP, "--sticky")
    run("weight", *VIP, "10.0.0.1", "30")
    run("weight", *VIP, "10.0.0.2", "0")
    run("del-as", *VIP, "10.0.0.2")
    shown = run("show").splitlines()
    assert shown[0].startswith("VPP 26.10")
    assert shown[-3] == "[1] 192.0.2.1/32 tcp 80  gre4 src_ip_sticky"
    assert shown[-2].split() == ["10.0.0.1", "weight", "30", "buckets", "1024"]
    assert shown[-1].split() == ["10.0.0.2", "weight", "0", "buckets", "0", "removed"]
    run("del-vip", *VIP)
    assert "[1] 192.0.2.1/32 tcp 80  gre4 src_ip_sticky removed" in run("show")


def test_faults_in_force_are_shown_until_they_are_cleared(run):
    run("fail", "close", "lb_as_set_weight", "--nth", "3", "--times", "2")
    run("delay", "5")
    run("hang")
    shown = run("show")
    assert "fault: close lb_as_set_weight, calls 3..4 from now" in shown
    assert "hung" in shown
    assert "delay: 5 ms" in shown
    run("clear")
    assert not {"hung", "delay", "fault"} & set(run("show").split())


def test_the_log_is_a_line_for_each_call(run, raw):
    raw.call("control_ping")
    (line,) = run("log").splitlines()
    assert line.split()[2:] == ["control_ping", "client", "raw", "retval", "0"]
    assert run("log", "--changes") == ""


def test_the_command_line_of_vpp_is_at_hand(run):
    assert run("cli", "show", "lb").startswith("lb_main ip4-src-address: 255.255.255.255")


def test_it_can_be_restarted_closed_and_stopped(run, raw):
    run("restart", "--version", "26.06", "--keep")
    assert raw.ends()
    for verb in ("hang", "resume", "close"):
        run(verb)
    assert run("show").startswith("VPP 26.06")


def test_a_refusal_ends_with_its_reason(run):
    with pytest.raises(SystemExit, match="lb vip: lb_vip_find_index error -6"):
        run("del-vip", *VIP)


def test_nobody_there_ends_with_the_path(run, monkeypatch, tmp_path):
    with pytest.raises(SystemExit, match=r"nobody\.sock: .*No such file"):
        run("--control", str(tmp_path / "nobody.sock"), "show")
