import { boxConditions } from './box-conditions.ts';
import { cameraConditions } from './camera-conditions.ts';
import { linkConditions } from './link-conditions.ts';
import { pictureConditions } from './picture-conditions.ts';

/** Every condition a node can make known, by name: the first half of an alert's key. */
export const conditions = { ...cameraConditions, ...pictureConditions, ...linkConditions, ...boxConditions };

export type ConditionName = keyof typeof conditions;

/** The reasons a condition knows; its readings name one. */
export type ReasonOf<Name extends ConditionName> = keyof (typeof conditions)[Name]['reasons'] & string;
