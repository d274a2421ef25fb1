import { z } from 'zod';
import { clockState } from './clock-state.ts';
import { cameraId, nodeId, sha256Hex } from './ids.ts';
import { instant } from './time.ts';

/** Payloads of the topics that are JSON and unsigned. Readers are tolerant of fields a later version adds. */

/** The `v1` of the topics: it changes when a reader of before could no longer understand; fields alone do not change it. */
export const protocolVersion = 1;

export const stateMessage = z.object({
  state: z.enum(['online', 'offline']),
  /** Of the machine: changes when it reboots. */
  bootId: z.string().max(64),
  /** Of this run of the agent. */
  sessionId: z.string().max(64),
  version: z.string().max(64),
  /** Of what is said here, {@link protocolVersion}; absent in what 0.1.0 said before there was one. */
  protocol: z.int().positive().optional(),
  at: instant,
});
export type StatePayload = z.input<typeof stateMessage>;

export const cameraState = z.enum(['recording', 'connecting', 'failed']);
export const healthMessage = z.object({
  at: instant,
  seq: z.int().nonnegative(),
  /** True: facts that the last message without it held, and this one does not, are as they were. */
  brief: z.boolean().optional(),
  host: z.object({
    uptimeSeconds: z.int().nonnegative(),
    load1: z.number().nonnegative(),
    memoryFreeBytes: z.int().nonnegative(),
    memoryTotalBytes: z.int().nonnegative(),
    temperatureCelsius: z.number().optional(),
    /** Why the agent was away before this run: stopped, crashed, or the box went off under it. */
    bootReason: z.enum(['orderly', 'crash', 'power', 'unknown']).optional(),
    /** Maker, model, processor. */
    hardware: z.string().max(120).optional(),
    /** Of the disks that hold the store, the worst; `unknown` where the box may not ask them. */
    disk: z
      .object({
        state: z.enum(['ok', 'failing', 'unknown']),
        badSectors: z.number().optional(),
        usedPercent: z.number().optional(),
      })
      .optional(),
    /** Absent where none is configured. */
    ups: z
      .object({
        state: z.enum(['mains', 'battery', 'unknown']),
        chargePercent: z.number().optional(),
        runtimeMinutes: z.number().optional(),
      })
      .optional(),
  }),
  /** `offsetMs`: how far it is ahead of its time source. */
  clock: z.object({ state: clockState, offsetMs: z.number().optional() }),
  store: z.object({
    freeBytes: z.int().nonnegative(),
    totalBytes: z.int().nonnegative(),
    oldest: instant.optional(),
    segments: z.int().nonnegative(),
    /** Hours of footage that fit, at the bitrates measured. */
    forecastHours: z.number().nonnegative().optional(),
  }),
  /** Absent at a node without cameras. */
  cameras: z
    .array(
      z.object({
        id: cameraId,
        state: cameraState,
        newestSegment: instant.optional(),
        /** First frame that is still there, and hours of footage since: less than lies between, where there are gaps. */
        oldestSegment: instant.optional(),
        keptHours: z.number().nonnegative().optional(),
        /** Bit/s over the last complete segment. */
        bitrate: z.int().nonnegative(),
        reason: z.string().max(64).optional(),
        since: instant.optional(),
        codec: z.string().max(32).optional(),
        width: z.int().optional(),
        height: z.int().optional(),
        fps: z.number().optional(),
        /** From one keyframe to the next. */
        gopSeconds: z.number().nonnegative().optional(),
        /** Since midnight where it stands; absent without a gap. */
        gapsToday: z.int().nonnegative().optional(),
        missingTodaySeconds: z.int().nonnegative().optional(),
        /** Per cent of the last 24 h and 7 days that is there, as far as the camera is known; absent when it is whole. */
        coverageDay: z.number().min(0).max(100).optional(),
        coverageWeek: z.number().min(0).max(100).optional(),
        lostPackets: z.int().optional(),
        /** By how much its sender reports are ahead of the box's clock; absent within a second, or without reports. */
        clockAheadSeconds: z.int().optional(),
        /** Millionths by which its media clock runs fast; absent below 50, and in the first hour of a session. */
        driftPpm: z.number().optional(),
        /** Recorded through ffmpeg, and why; absent in process. */
        ffmpeg: z.enum(['configured', 'udp', 'multicast', 'unsupported-codec']).optional(),
        /** Media the camera offers and nobody records, e.g. `audio/PCMA`. */
        offered: z.array(z.string().max(64)).max(16).optional(),
        /** What a picture a minute shows; `unknown` where too little is to be seen, or none was to be had. */
        picture: z.enum(['ok', 'unknown', 'black', 'blinded', 'frozen', 'blurred', 'moved']).optional(),
        /** What it says of itself; absent for a camera without ONVIF. */
        onvif: z
          .object({
            state: z.enum(['ok', 'away', 'auth', 'broken', 'unknown']),
            model: z.string().max(130).optional(),
            firmware: z.string().max(64).optional(),
            /** How far its clock is ahead of the box's. */
            clockOffsetMs: z.number().optional(),
            pan: z.number().optional(),
            tilt: z.number().optional(),
            zoom: z.number().optional(),
            /** Name of the preset at which it stands; absent where it stands at none, or cannot tell. */
            preset: z.string().max(64).optional(),
            /** Whether it records on its own storage; absent where it cannot tell. */
            records: z.boolean().optional(),
          })
          .optional(),
      }),
    )
    .max(64)
    .optional(),
  links: z
    .array(
      z.object({
        id: cameraId,
        to: nodeId,
        /** `unknown`: not measured yet, or not measurable. */
        state: z.enum(['up', 'down', 'unknown']),
        since: instant.optional(),
        probe: z.string().max(16).optional(),
        /** Of the newest probes; milliseconds are medians, jitter the mean change from one probe to the next. */
        lossPercent: z.number().min(0).max(100).optional(),
        delayMs: z.number().nonnegative().optional(),
        jitterMs: z.number().nonnegative().optional(),
        /** Each way: from here, and to here. Delays only where both clocks follow UTC. */
        jitterForthMs: z.number().nonnegative().optional(),
        jitterBackMs: z.number().nonnegative().optional(),
        forthMs: z.number().optional(),
        backMs: z.number().optional(),
        signalDbm: z.number().optional(),
        noiseDbm: z.number().optional(),
        capacityMbit: z.number().nonnegative().optional(),
        uptimeSeconds: z.number().nonnegative().optional(),
      }),
    )
    .max(64),
  mqtt: z.object({ connected: z.boolean(), protocol: z.string().max(16), reconnects: z.int().nonnegative() }),
});
export type HealthPayload = z.input<typeof healthMessage>;
export type Health = z.output<typeof healthMessage>;

export const alertMessage = z.object({
  key: z.string().max(80),
  state: z.enum(['raised', 'cleared']),
  severity: z.enum(['info', 'warning', 'critical']),
  since: instant,
  /** A sentence for the maintainer. */
  detail: z.string().max(500),
});
export type AlertPayload = z.input<typeof alertMessage>;

/** What the hub makes of the alerts of all nodes: joined by the town's topology. `key` is `<node>.<key>`. */
export const hubAlertMessage = alertMessage.extend({
  key: z.string().max(160),
  /** Where, as people call it. */
  place: z.string().max(300),
});
export type HubAlertPayload = z.input<typeof hubAlertMessage>;

/** One line of the audit log, as written: `prev` is the SHA-256 of the line before, without its newline. */
export const auditLine = z.looseObject({
  seq: z.int().positive(),
  at: instant,
  prev: z.union([sha256Hex, z.literal('')]),
  kind: z.string().min(1).max(64),
});
export type AuditLine = z.output<typeof auditLine>;
