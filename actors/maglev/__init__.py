# SPDX-License-Identifier: Apache-2.0
"""vpp-maglev: health checks, failover and a control plane for the Maglev load balancer of VPP."""
