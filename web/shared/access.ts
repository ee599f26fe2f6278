/* What opens recordings on this device: the household's own keys, or those that a grant holds (grantee.ts). */
import type { Bytes } from "./bytes.ts";
import type { Camera, Hub } from "./household.ts";
import type { TimeKeys } from "./timekey.ts";

export interface Access {
    readonly id: string; /* whose it is: what a device keeps is kept under it */
    readonly signer: Bytes; /* the household's public key */
    readonly cameras: Camera[];
    readonly until: number; /* slot: what ends after it does not open whole */
    hubOf(camera: string): Hub | null;
    timeKeys(camera: string, epoch: number): Promise<TimeKeys>;
}
